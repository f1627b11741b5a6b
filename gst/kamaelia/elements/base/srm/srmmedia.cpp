// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/srm/srmmedia.hpp"

#include "glue/bytes.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace kam {

namespace {

using glue::BufferPtr;

constexpr auto state_name = "kamaelia-srm-state";
// Caps can hold whole stream headers.
constexpr std::size_t max_state_size = std::size_t{1} << 20U;
// More pieces than these cost more than one copy.
constexpr std::size_t max_shared_pieces = 4;
constexpr std::size_t max_waiting_buffers = 256;

struct FlagBit {
  guint flag;
  std::uint16_t bit;
};
// On the wire; GStreamer's own numbers are not promised to stay.
constexpr std::array flag_bits{
    FlagBit{GST_BUFFER_FLAG_DISCONT, 0x001},     FlagBit{GST_BUFFER_FLAG_HEADER, 0x002},
    FlagBit{GST_BUFFER_FLAG_DELTA_UNIT, 0x004},  FlagBit{GST_BUFFER_FLAG_MARKER, 0x008},
    FlagBit{GST_BUFFER_FLAG_GAP, 0x010},         FlagBit{GST_BUFFER_FLAG_DROPPABLE, 0x020},
    FlagBit{GST_BUFFER_FLAG_CORRUPTED, 0x040},   FlagBit{GST_BUFFER_FLAG_RESYNC, 0x080},
    FlagBit{GST_BUFFER_FLAG_DECODE_ONLY, 0x100}, FlagBit{GST_BUFFER_FLAG_NON_DROPPABLE, 0x200}};

std::optional<std::uint64_t> time_on_wire(GstClockTime time)
{
  return GST_CLOCK_TIME_IS_VALID(time) ? std::optional<std::uint64_t>{time} : std::nullopt;
}

ByteVector record_of(srm::RecordKind kind, const std::string &text)
{
  const srm::RecordHeaderBytes header{
      {kind, 0, static_cast<std::uint32_t>(text.size()), {}, {}, {}}};
  const auto start = header.bytes();
  ByteVector record{start.begin(), start.end()};
  const auto body = as_bytes(text);
  record.insert(record.end(), body.begin(), body.end());
  return record;
}

std::string text_of(const GstStructure *structure)
{
  const glue::StringPtr text{gst_structure_to_string(structure)};
  return text.get();
}

// Nothing but text of ours: one structure of that name.
glue::StructurePtr parse_structure(Bytes text, const char *name)
{
  if (text.size() > max_state_size ||
      !g_utf8_validate_len(reinterpret_cast<const char *>(text.data()), text.size(), nullptr))
    return {};
  const std::string copy{as_text(text)};
  glue::StructurePtr structure{gst_structure_from_string(copy.c_str(), nullptr)};
  if (!structure || !gst_structure_has_name(structure.get(), name))
    return {};
  return structure;
}

void write_segment(GstStructure *structure, const GstSegment &segment)
{
  if (segment.format == GST_FORMAT_UNDEFINED)
    return;
  gst_structure_set(structure, "format", G_TYPE_STRING, gst_format_get_name(segment.format),
                    "flags", G_TYPE_UINT, guint(segment.flags), "rate", G_TYPE_DOUBLE,
                    segment.rate, "applied-rate", G_TYPE_DOUBLE, segment.applied_rate, "base",
                    G_TYPE_UINT64, segment.base, "offset", G_TYPE_UINT64, segment.offset,
                    "start", G_TYPE_UINT64, segment.start, "stop", G_TYPE_UINT64, segment.stop,
                    "time", G_TYPE_UINT64, segment.time, "position", G_TYPE_UINT64,
                    segment.position, nullptr);
}

bool is_sane(const GstSegment &segment)
{
  const auto is_rate = [](double rate) {
    return rate == rate && rate != 0 && rate < 1e6 && rate > -1e6;
  };
  constexpr auto longest = guint64{1} << 62U;
  const auto is_position = [](guint64 value) { return value < longest; };
  return is_rate(segment.rate) && is_rate(segment.applied_rate) && is_position(segment.base) &&
         is_position(segment.offset) && is_position(segment.start) &&
         (segment.stop == G_MAXUINT64 ||
          (is_position(segment.stop) && segment.stop >= segment.start));
}

std::optional<GstSegment> read_segment(const GstStructure *structure)
{
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_UNDEFINED);
  const auto *format = gst_structure_get_string(structure, "format");
  if (!format)
    return segment;
  gst_segment_init(&segment, gst_format_get_by_nick(format));
  guint flags = 0;
  if (!gst_structure_get(structure, "flags", G_TYPE_UINT, &flags, "rate", G_TYPE_DOUBLE,
                         &segment.rate, "applied-rate", G_TYPE_DOUBLE, &segment.applied_rate,
                         "base", G_TYPE_UINT64, &segment.base, "offset", G_TYPE_UINT64,
                         &segment.offset, "start", G_TYPE_UINT64, &segment.start, "stop",
                         G_TYPE_UINT64, &segment.stop, "time", G_TYPE_UINT64, &segment.time,
                         "position", G_TYPE_UINT64, &segment.position, nullptr) ||
      segment.format == GST_FORMAT_UNDEFINED || !is_sane(segment))
    return std::nullopt;
  segment.flags = GstSegmentFlags(flags & GST_SEGMENT_FLAG_RESET);
  return segment;
}

GstMemory *share(const srm::Piece &piece)
{
  auto *owner = new srm::SlabRef{piece.owner};
  auto *data = const_cast<std::byte *>(piece.bytes.data());
  return gst_memory_new_wrapped(
      GST_MEMORY_FLAG_READONLY, data, piece.bytes.size(), 0, piece.bytes.size(), owner,
      [](gpointer held) { delete static_cast<srm::SlabRef *>(held); });
}

BufferPtr buffer_of(const std::vector<srm::Piece> &pieces)
{
  std::size_t size = 0;
  for (const auto &piece : pieces)
    size += piece.bytes.size();
  if (pieces.size() <= max_shared_pieces && size > glue::largest_copied) {
    BufferPtr buffer{gst_buffer_new()};
    for (const auto &piece : pieces)
      gst_buffer_append_memory(buffer.get(), share(piece));
    return buffer;
  }
  if (size == 0)
    return BufferPtr{gst_buffer_new()};
  auto buffer = glue::allocate(size);
  gsize at = 0;
  for (const auto &piece : pieces)
    at += gst_buffer_fill(buffer.get(), at, piece.bytes.data(), piece.bytes.size());
  return buffer;
}

ByteVector joined(const std::vector<srm::Piece> &pieces)
{
  ByteVector bytes;
  for (const auto &piece : pieces)
    bytes.insert(bytes.end(), piece.bytes.begin(), piece.bytes.end());
  return bytes;
}

}  // namespace

// --- for those who send -------------------------------------------------------------------

ByteVector srm_state_record(const SrmMedia &media)
{
  const glue::StructurePtr structure{
      gst_structure_new(state_name, "mode", G_TYPE_STRING,
                        media.mode == srm::Policy::bulk ? "bulk" : "latency", nullptr)};
  if (media.caps) {
    const glue::StringPtr caps{gst_caps_to_string(media.caps.get())};
    gst_structure_set(structure.get(), "caps", G_TYPE_STRING, caps.get(), nullptr);
  }
  write_segment(structure.get(), media.segment);
  if (media.tags) {
    const glue::StringPtr tags{gst_tag_list_to_string(media.tags.get())};
    gst_structure_set(structure.get(), "tags", G_TYPE_STRING, tags.get(), nullptr);
  }
  return record_of(srm::RecordKind::state, text_of(structure.get()));
}

ByteVector srm_info_of(const ByteVector &state_record, std::size_t max_size)
{
  return state_record.size() <= max_size ? state_record : record_of(srm::RecordKind::state, "");
}

srm::RecordHeader srm_header_of(GstBuffer *buffer, std::size_t size, bool with_timestamps)
{
  srm::RecordHeader header;
  header.length = static_cast<std::uint32_t>(size);
  const auto flags = GST_BUFFER_FLAGS(buffer);
  for (const auto &[flag, bit] : flag_bits) {
    if ((flags & flag) != 0)
      header.buffer_flags = static_cast<std::uint16_t>(header.buffer_flags | bit);
  }
  if (with_timestamps) {
    header.pts = time_on_wire(GST_BUFFER_PTS(buffer));
    if (GST_BUFFER_DTS(buffer) != GST_BUFFER_PTS(buffer))
      header.dts = time_on_wire(GST_BUFFER_DTS(buffer));
    header.duration = time_on_wire(GST_BUFFER_DURATION(buffer));
  }
  return header;
}

srm::RecordHeader srm_header_of_gap(GstClockTime timestamp, GstClockTime duration)
{
  srm::RecordHeader header;
  header.kind = srm::RecordKind::event;
  header.pts = time_on_wire(timestamp);
  header.duration = time_on_wire(duration);
  return header;
}

// --- for those who receive ----------------------------------------------------------------

std::optional<SrmMedia> parse_srm_media(Bytes text)
{
  const auto structure = parse_structure(text, state_name);
  if (!structure)
    return std::nullopt;
  SrmMedia media;
  const auto *mode = gst_structure_get_string(structure.get(), "mode");
  if (mode && std::string_view{mode} == "bulk")
    media.mode = srm::Policy::bulk;
  if (const auto *caps = gst_structure_get_string(structure.get(), "caps")) {
    media.caps = glue::Ref<GstCaps>::adopt(gst_caps_from_string(caps));
    if (!media.caps || !gst_caps_is_fixed(media.caps.get()))
      return std::nullopt;
  }
  const auto segment = read_segment(structure.get());
  if (!segment)
    return std::nullopt;
  media.segment = *segment;
  if (const auto *tags = gst_structure_get_string(structure.get(), "tags"))
    media.tags = glue::Ref<GstTagList>::adopt(gst_tag_list_new_from_string(tags));
  return media;
}

void SrmUnpacker::handle(srm::ReceiverEvent event)
{
  std::visit([this](auto &happened) { handle_event(happened); }, event);
}

std::optional<SrmItem> SrmUnpacker::poll()
{
  if (items_.empty())
    return std::nullopt;
  auto item = std::move(items_.front());
  items_.pop_front();
  return item;
}

void SrmUnpacker::handle_event(const srm::ObjectBegins &begins)
{
  dropped_before_ += reader_.dropped();
  reader_ = srm::RecordReader{max_message_size_};
  is_stream_ = begins.kind == srm::ObjectKind::stream;
  kind_ = is_stream_ && begins.has_info ? Kind::unknown : Kind::raw;
  has_state_ = state_is_in_stream_ = false;
  held_.clear();
  held_bytes_ = 0;
  waiting_.clear();
}

void SrmUnpacker::handle_event(const srm::ObjectInfo &info)
{
  if (!is_stream_)
    return;
  srm::RecordReader reader{static_cast<std::uint32_t>(max_state_size)};
  reader.push({info.content, {}}, 0);
  const auto record = reader.poll();
  const bool is_ours = record && record->header.kind == srm::RecordKind::state;
  if (kind_ == Kind::unknown)
    kind_ = is_ours ? Kind::records : Kind::raw;
  // Later ones are for those who join; we have it in the stream, where its place is known.
  if (kind_ == Kind::records && is_ours && !has_state_) {
    if (record->header.length == 0)
      state_is_in_stream_ = true;
    else
      take_state(*record);
  }
  release_held();
}

void SrmUnpacker::handle_event(srm::ObjectData &data)
{
  if (kind_ != Kind::unknown)
    return deliver(data);
  held_bytes_ += data.piece.bytes.size();
  held_.push_back(std::move(data));
  while (held_bytes_ > max_held_bytes) {
    held_bytes_ -= held_.front().piece.bytes.size();
    held_.pop_front();
    discont_ = true;
  }
}

void SrmUnpacker::release_held()
{
  for (const auto &data : std::exchange(held_, {}))
    deliver(data);
  held_bytes_ = 0;
}

void SrmUnpacker::deliver(const srm::ObjectData &data)
{
  if (kind_ == Kind::raw) {
    emit(buffer_of({data.piece}));
    return;
  }
  reader_.push(data.piece, data.message_start);
  read_records();
}

void SrmUnpacker::read_records()
{
  while (const auto record = reader_.poll()) {
    switch (record->header.kind) {
    case srm::RecordKind::buffer: take_buffer(*record); break;
    case srm::RecordKind::state: take_state(*record); break;
    case srm::RecordKind::event: take_event(*record); break;
    }
  }
}

void SrmUnpacker::take_buffer(const srm::Record &record)
{
  auto buffer = buffer_of(record.payload);
  const auto &header = record.header;
  GST_BUFFER_PTS(buffer.get()) = header.pts.value_or(GST_CLOCK_TIME_NONE);
  GST_BUFFER_DTS(buffer.get()) = header.dts ? *header.dts : GST_BUFFER_PTS(buffer.get());
  GST_BUFFER_DURATION(buffer.get()) = header.duration.value_or(GST_CLOCK_TIME_NONE);
  for (const auto &[flag, bit] : flag_bits) {
    if ((header.buffer_flags & bit) != 0)
      GST_BUFFER_FLAG_SET(buffer.get(), flag);
  }
  if (has_state_)
    return emit(std::move(buffer));
  waiting_.push_back(std::move(buffer));
  if (waiting_.size() > max_waiting_buffers) {
    waiting_.pop_front();
    discont_ = true;
  }
}

void SrmUnpacker::take_state(const srm::Record &record)
{
  if (auto media = parse_srm_media(joined(record.payload)))
    apply(std::move(*media));
}

void SrmUnpacker::apply(SrmMedia media)
{
  has_state_ = true;
  items_.emplace_back(std::move(media));
  for (auto &buffer : std::exchange(waiting_, {}))
    emit(std::move(buffer));
}

void SrmUnpacker::take_event(const srm::Record &record)
{
  if (record.header.pts && has_state_)
    items_.emplace_back(
        SrmGap{*record.header.pts, record.header.duration.value_or(GST_CLOCK_TIME_NONE)});
}

void SrmUnpacker::emit(BufferPtr buffer)
{
  if (std::exchange(discont_, false))
    GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_DISCONT);
  items_.emplace_back(std::move(buffer));
}

void SrmUnpacker::handle_event(const srm::DataLost &lost)
{
  reader_.handle_loss();
  discont_ = true;
  items_.emplace_back(lost);
}

void SrmUnpacker::handle_event(const srm::ObjectEnds &ends)
{
  // An INFO that never came: what is there is handed on as it is.
  if (kind_ == Kind::unknown)
    kind_ = Kind::raw;
  release_held();
  if (is_stream_ && ends.complete)
    items_.emplace_back(SrmEnd{});
}

void SrmUnpacker::handle_event(const srm::SenderLeft &left)
{
  discont_ = true;
  items_.emplace_back(SrmSenderAway{left.sender, left.reason});
  if (left.reason == srm::LeaveReason::ended)
    items_.emplace_back(SrmEnd{});
}

}  // namespace kam
