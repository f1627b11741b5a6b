// SPDX-License-Identifier: LGPL-2.1-or-later
// Writes one of each message of ours into a folder, a file per message, for a dissector to read
// and for fuzzers to begin with.
#include "core/srm/codec.hpp"

#include <array>
#include <cstdio>
#include <fstream>
#include <string>

using namespace kam;
using namespace kam::srm;

namespace {

constexpr MessageStart start{100, 0x0a000001};
constexpr SenderState state{7, 0x75, 4, 1};
constexpr ObjectTransmissionInfo info{1U << 20U, 1024, 64, 16};

struct File {
  std::string name;
  ByteVector bytes;
};

ByteVector data(std::uint8_t flags, PayloadId id,
                const std::optional<ObjectTransmissionInfo> &fti, std::string_view payload)
{
  ByteVector out(max_header_size);
  out.resize(write_data_header(out, start, state, {flags, FecId::rs8, 5}, id, fti));
  if ((flags & object_flag::stream) != 0) {
    std::array<std::byte, StreamHeader::size> header{};
    write_stream_header({static_cast<std::uint16_t>(payload.size()), 1, 4096}, header);
    out.insert(out.end(), header.begin(), header.end());
  }
  out.insert(out.end(), as_bytes(payload).begin(), as_bytes(payload).end());
  return out;
}

ByteVector object_info()
{
  ByteVector out(max_header_size);
  out.resize(write_info_header(out, start, state, {object_flag::info, FecId::rs8, 5}, info));
  const auto name = as_bytes("a name");
  out.insert(out.end(), name.begin(), name.end());
  return out;
}

template <class Write, class... Arguments>
ByteVector written(Write write, Arguments... arguments)
{
  ByteVector out;
  write(out, start, arguments...);
  return out;
}

ByteVector requests()
{
  const auto point = [](std::uint32_t block, std::uint16_t symbol) {
    return RepairPoint{FecId::rs8, 5, {block, symbol, 0}};
  };
  RepairRequestWriter writer{1024};
  writer.add({RepairForm::items, repair_flag::segment, point(1, 2), point(1, 2)});
  writer.add({RepairForm::items, repair_flag::segment, point(1, 9), point(1, 9)});
  writer.add({RepairForm::ranges, repair_flag::segment, point(2, 64), point(2, 70)});
  writer.add({RepairForm::ranges, repair_flag::block, point(3, 0), point(6, 0)});
  writer.add(
      {RepairForm::items, repair_flag::info | repair_flag::object, point(0, 0), point(0, 0)});
  writer.add({RepairForm::erasures, repair_flag::segment, point(7, 3), point(7, 3)});
  return {writer.bytes().begin(), writer.bytes().end()};
}

std::array<File, 18> messages()
{
  const auto stream = object_flag::stream | object_flag::info;
  const std::array<NodeId, 2> nodes{0x0a000002, 0x0a000003};
  const std::array<std::uint16_t, 2> objects{3, 4};
  const PayloadId id{0x010203, 40, 0};
  Ack flushed;
  flushed.sender = start.source;
  flushed.instance = state.instance;
  flushed.grtt_response = 12'345'678'000;
  flushed.object = 5;
  flushed.id = id;
  auto probed = flushed;
  probed.type = AckType::congestion;
  probed.extensions.receive_window_kib = 2048;
  auto limiting = probed;
  limiting.extensions.congestion =
      CongestionFeedback{9, congestion_flag::limiting, 100, 655, quantise_rate(1.5e6)};
  const std::array<CongestionNode, 2> heard{
      {{nodes[0], congestion_flag::limiting, 100, quantise_rate(1.5e6)},
       {nodes[1], congestion_flag::candidate, 100, quantise_rate(2e6)}}};
  const auto wanted = requests();
  const Bytes wanted_bytes{wanted};
  const FeedbackExtensions none;
  return {
      {{"data", data(stream, id, std::nullopt, "payload")},
       {"data-fti", data(stream, id, info, "payload")},
       {"data-object", data(object_flag::info, {0, 0, 0}, info, "payload")},
       {"data-parity", data(stream, {1, 64, 0}, std::nullopt, std::string(1032, 'p'))},
       {"info", object_info()},
       {"flush", written(write_flush, state, std::uint16_t{5}, id, nodes)},
       {"eot", written(write_end_of_transmission, state)},
       {"squelch", written(write_squelch, state, std::uint16_t{5}, id, objects)},
       {"ack-req", written(write_ack_request, state, std::uint8_t{2}, std::uint8_t{0}, nodes)},
       {"cc", written(write_probe, state, std::uint16_t{9}, 12'345'678'000U, std::nullopt,
                      std::span<const CongestionNode>{})},
       {"cc-rate", written(write_probe, state, std::uint16_t{9}, 12'345'678'000U,
                           quantise_rate(1.5e6), heard)},
       {"repair-adv", written(write_repair_advertisement, state, true, wanted_bytes)},
       {"repair-adv-limit", written(write_repair_advertisement, state, false, wanted_bytes)},
       {"nack",
        written(write_nack, start.source, state.instance, 12'345'678'000U, none, wanted_bytes)},
       {"nack-window",
        written(write_nack, start.source, state.instance, 0U, probed.extensions, wanted_bytes)},
       {"ack-flush", written(write_ack, flushed)},
       {"ack-cc", written(write_ack, probed)},
       {"ack-cc-rate", written(write_ack, limiting)}}};
}

}  // namespace

int main(int argc, char **argv)
{
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  for (const auto &file : messages()) {
    std::ofstream out{std::string{argv[1]} + "/" + file.name, std::ios::binary};
    out << as_text(file.bytes);
    if (!out.flush()) {
      std::fprintf(stderr, "%s: cannot write %s there\n", argv[1], file.name.c_str());
      return 1;
    }
  }
}
