// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/cookie/mediacookies.hpp"

#include "glue/bytes.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace kam {

// What is read at once where nothing else says it, in bytes.
static constexpr guint block_size = 65'536;

MediaCookies::MediaCookies(GstBaseSrc *base, Settings &settings)
    : base_{base}, settings_{settings}, drive_{base, *this}
{
  gst_base_src_set_blocksize(base, block_size);
}

// --- states -------------------------------------------------------------------------------

GstStateChangeReturn MediaCookies::change_state(GstStateChange change, GstElementClass *parent)
{
  const auto go_on = [&] { return parent->change_state(element(), change); };
  switch (change) {
  case GST_STATE_CHANGE_NULL_TO_READY: return open() ? go_on() : GST_STATE_CHANGE_FAILURE;
  case GST_STATE_CHANGE_READY_TO_PAUSED:
    return drive_.go_to_paused(settings_.current().bitrate != 0, go_on);
  case GST_STATE_CHANGE_READY_TO_NULL: {
    const auto result = go_on();
    folder_.reset();
    return result;
  }
  default: return go_on();
  }
}

// Finds out what there is to pick from; the user is told why not.
bool MediaCookies::open()
{
  (void)settings_.changed();
  const auto &values = settings_.current();
  folder_.reset();
  if (values.location.empty()) {
    GST_ELEMENT_ERROR(element(), RESOURCE, NOT_FOUND,
                      ("It is not said which folder or file to play."),
                      ("property location is not set"));
    return false;
  }
  auto opened = MediaFolder::open(values.location, values.pattern);
  if (const auto *fault = std::get_if<CookieFault>(&opened)) {
    post_cookie_fault(element(), *fault);
    return false;
  }
  folder_ = std::get<std::shared_ptr<const MediaFolder>>(std::move(opened));
  return true;
}

bool MediaCookies::begin()
{
  if (settings_.changed() && !open())
    return false;
  values_ = settings_.current();
  // Here, as downstream may start us to pull before our own state changes.
  gst_base_src_set_format(base_, is_seekable() ? GST_FORMAT_BYTES : GST_FORMAT_TIME);
  auto seed = drive_.seed() != 0 ? drive_.seed() : values_.seed;
  if (seed == 0)
    seed = guint64{g_random_int()} << 32U | g_random_int();
  // Of a server each client gets the file after that of the client before.
  const bool takes_turns = drive_.has_seat() && values_.pick == cookie::Order::sequential;
  chooser_.emplace(values_.pick, folder_->size(), seed, takes_turns ? folder_->take_turn() : 0);
  pace_ = {values_.bitrate, values_.chunk_rate};
  file_.reset();
  cookies_ = 0;
  position_ = 0;
  bytes_ = 0;
  // The base class asks for its size before it asks for bytes.
  return !is_seekable() || pick();
}

void MediaCookies::end()
{
  file_.reset();
}

std::optional<guint64> MediaCookies::size() const
{
  return is_seekable() && file_ ? std::optional{file_->size} : std::nullopt;
}

bool MediaCookies::pick()
{
  const auto index = chooser_->next();
  auto opened = folder_->open_file(index);
  if (const auto *fault = std::get_if<CookieFault>(&opened)) {
    post_cookie_fault(element(), *fault);
    return false;
  }
  file_ = std::get<std::shared_ptr<const MediaFile>>(std::move(opened));
  position_ = 0;
  if (cookies_ < G_MAXINT)
    ++cookies_;
  const CookiePick picked{file_->path, 0, file_->size};
  *last_pick_.lock() = picked.name();
  post_cookie_picked(element(), picked);
  return true;
}

// --- data ---------------------------------------------------------------------------------

void MediaCookies::get_times(GstBuffer *buffer, GstClockTime *start, GstClockTime *end) const
{
  *start = pace_.is_limited() ? GST_BUFFER_PTS(buffer) : GST_CLOCK_TIME_NONE;
  *end = GST_CLOCK_TIME_NONE;
}

GstFlowReturn MediaCookies::create(GstBuffer **buffer)
{
  auto produced = produce();
  if (const auto *flow = std::get_if<GstFlowReturn>(&produced))
    return *flow;
  *buffer = std::get<glue::BufferPtr>(produced).release();
  return GST_FLOW_OK;
}

Produced MediaCookies::produce()
{
  for (;;) {
    const bool begins = !file_ || position_ >= file_->size;
    if (begins && values_.num_cookies >= 0 && cookies_ >= values_.num_cookies)
      return GST_FLOW_EOS;
    if (begins && !pick())
      return GST_FLOW_ERROR;
    if (position_ == 0 && file_->caps)
      gst_base_src_set_caps(base_, file_->caps.get());
    if (auto chunk = next_chunk())
      return std::move(*chunk);
  }
}

// What is due at a time; nothing if the file ends before it should.
std::optional<Produced> MediaCookies::next_chunk()
{
  const auto block = std::min<std::uint64_t>(pace_.chunk_size(), base_->blocksize);
  const auto size = std::min<std::uint64_t>(
      pace_.is_limited() && values_.chunk_rate != 0 ? pace_.chunk_size() : block,
      file_->size - position_);
  auto buffer = glue::allocate(size);
  const auto got = read(position_, size, buffer.get());
  if (!got)
    return GST_FLOW_ERROR;
  if (*got == 0) {
    position_ = file_->size;
    return std::nullopt;
  }
  GST_BUFFER_PTS(buffer.get()) = pace_.duration_of(bytes_);
  if (position_ == 0 && bytes_ > 0)
    GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_DISCONT);
  position_ += *got;
  bytes_ += *got;
  if (pace_.is_limited())
    GST_BUFFER_DURATION(buffer.get()) =
        pace_.duration_of(bytes_) - GST_BUFFER_PTS(buffer.get());
  return buffer;
}

GstFlowReturn MediaCookies::fill(guint64 offset, guint size, GstBuffer *buffer)
{
  if (const auto caps = file_->caps; caps && !gst_pad_has_current_caps(base_->srcpad))
    gst_base_src_set_caps(base_, caps.get());
  const auto got = read(offset, size, buffer);
  if (!got)
    return GST_FLOW_ERROR;
  return *got == 0 && size > 0 ? GST_FLOW_EOS : GST_FLOW_OK;
}

std::optional<std::size_t> MediaCookies::read(guint64 offset, std::size_t size,
                                              GstBuffer *buffer)
{
  std::size_t filled = 0;
  {
    const glue::WriteMap map{buffer};
    const auto space = map.bytes().first(std::min(size, map.bytes().size()));
    while (filled < space.size()) {
      const auto got = pread(file_->descriptor.get(), space.data() + filled,
                             space.size() - filled, static_cast<off_t>(offset + filled));
      if (got < 0 && errno == EINTR)
        continue;
      if (got < 0) {
        post_cookie_fault(element(), fault_of_errno("Cannot read \"" + file_->path + "\""));
        return std::nullopt;
      }
      if (got == 0)
        break;
      filled += static_cast<std::size_t>(got);
    }
  }
  gst_buffer_resize(buffer, 0, static_cast<gssize>(filled));
  GST_BUFFER_OFFSET(buffer) = offset;
  GST_BUFFER_OFFSET_END(buffer) = offset + filled;
  return filled;
}

}  // namespace kam
