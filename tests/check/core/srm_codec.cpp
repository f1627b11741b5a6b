// SPDX-License-Identifier: LGPL-2.1-or-later
// The expected bytes are RFC 5740's drawings filled in by hand, a word per group.
#include "core/srm/codec.hpp"

#include <string>
#include <string_view>

#include "support/check_main.hpp"
#include "support/random.hpp"

using namespace kam;
using namespace kam::srm;

namespace {

constexpr NodeId we = 0x0a0b0c0d;
constexpr NodeId they = 0xc0a80001;
constexpr MessageStart start{0x1234, we};
// K = 4 and 100 receivers.
constexpr SenderState state{0xabcd, 0x75, 4, 1};
constexpr ObjectTransmissionInfo info{0x0000'0102'0304'0506, 1400, 64, 16};

ByteVector hex(std::string_view text)
{
  ByteVector bytes;
  std::string digits;
  for (const auto character : text) {
    if (character != ' ')
      digits += character;
    if (digits.size() < 2)
      continue;
    bytes.push_back(static_cast<std::byte>(std::stoul(digits, nullptr, 16)));
    digits.clear();
  }
  return bytes;
}

std::string as_hex(Bytes bytes)
{
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const auto byte : bytes) {
    if (text.size() % 9 == 8)
      text += ' ';
    text += digits[std::to_integer<std::size_t>(byte >> 4U)];
    text += digits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  return text;
}

void assert_bytes(Bytes got, std::string_view want)
{
  const auto text = as_hex(got);
  ck_assert_msg(text == want, "got  %s\nwant %s", text.c_str(), std::string{want}.c_str());
}

Message parsed(Bytes packet)
{
  const auto result = parse_message(packet);
  const auto *message = std::get_if<Message>(&result);
  ck_assert_msg(message != nullptr, "fault %d in %s",
                static_cast<int>(std::get<MessageFault>(result)), as_hex(packet).c_str());
  return *message;
}

template <class Body>
Body parsed_as(Bytes packet, bool from_sender = true)
{
  const auto message = parsed(packet);
  ck_assert_uint_eq(message.sequence, 0x1234);
  ck_assert_uint_eq(message.source, we);
  ck_assert(message.sender == (from_sender ? state : SenderState{}));
  ck_assert(std::holds_alternative<Body>(message.body));
  return std::get<Body>(message.body);
}

void assert_fault(const std::string &text, MessageFault want)
{
  const auto packet = hex(text);
  const auto result = parse_message(packet);
  const auto *fault = std::get_if<MessageFault>(&result);
  ck_assert_msg(fault != nullptr, "%s is fine", text.c_str());
  ck_assert_msg(*fault == want, "%s: %d, not %d", text.c_str(), static_cast<int>(*fault),
                static_cast<int>(want));
  ck_assert(!parse_data(packet));
}

ByteVector data_packet(const std::optional<ObjectTransmissionInfo> &fti,
                       std::string_view payload)
{
  ByteVector packet(max_header_size);
  const ObjectHeader object{object_flag::stream | object_flag::info, FecId::rs8, 0x0708};
  packet.resize(write_data_header(packet, start, state, object, {0xf00001, 0x42, 0}, fti));
  packet.insert(packet.end(), as_bytes(payload).begin(), as_bytes(payload).end());
  return packet;
}

RepairRequest segment_item(std::uint32_t block, std::uint16_t symbol)
{
  const RepairPoint point{FecId::rs8, 7, {block, symbol, 0}};
  return {RepairForm::items, repair_flag::segment, point, point};
}

// One of each that there is.
std::vector<ByteVector> all_messages()
{
  std::vector<ByteVector> all{data_packet(std::nullopt, "payload"), data_packet(info, ""),
                              data_packet(info, "payload")};
  ByteVector packet(max_header_size);
  packet.resize(write_info_header(packet, start, state, {0x24, FecId::rs8, 1}, info));
  all.push_back(packet);
  const auto add = [&all](auto write, auto... arguments) {
    ByteVector out;
    write(out, start, arguments...);
    all.push_back(out);
  };
  const std::array<NodeId, 2> nodes{they, 1};
  const std::array<std::uint16_t, 3> objects{1, 2, 0xffff};
  RepairRequestWriter requests{1400};
  requests.add(segment_item(1, 2));
  requests.add({RepairForm::ranges,
                repair_flag::block,
                {FecId::rs8, 7, {3, 0, 0}},
                {FecId::rs8, 7, {9, 0, 0}}});
  Ack ack;
  ack.sender = they;
  ack.id = {5, 6, 0};
  add(write_flush, state, std::uint16_t{7}, PayloadId{1, 2, 0}, nodes);
  add(write_end_of_transmission, state);
  add(write_squelch, state, std::uint16_t{7}, PayloadId{1, 2, 0}, objects);
  const std::array<CongestionNode, 2> heard{{{they, 1, 2, 3}, {1, 4, 5, 6}}};
  add(write_probe, state, std::uint16_t{8}, 12'345'678'000, std::nullopt,
      std::span<const CongestionNode>{});
  add(write_probe, state, std::uint16_t{8}, 12'345'678'000, 0x1234, heard);
  add(write_repair_advertisement, state, true, requests.bytes());
  const FeedbackExtensions extensions{512, CongestionFeedback{1, 2, 3, 4, 5}};
  add(write_nack, they, std::uint16_t{9}, 5'000'000, extensions, requests.bytes());
  add(write_ack, ack);
  ack.type = AckType::congestion;
  ack.extensions = extensions;
  add(write_ack, ack);
  for (const auto *others :
       {"120a1234 0a0b0c0d abcd7541 24810708 00000102 00400003 40040102 03040506 00000578 "
        "00400010 0102",
        "13061234 0a0b0c0d abcd7541 04000005 00000001 00000002 80000123 c0a80001 01020304",
        "13041234 0a0b0c0d abcd7541 06000201 c0a80001",
        "13041234 0a0b0c0d abcd7541 07000000 41"})
    all.push_back(hex(others));
  return all;
}

}  // namespace

START_TEST(writes_and_reads_data)
{
  const auto packet = data_packet(std::nullopt, "hi!");
  assert_bytes(packet, "12051234 0a0b0c0d abcd7541 24050708 f0000142 686921");
  const auto data = parsed_as<DataMessage>(packet);
  ck_assert_uint_eq(data.object.flags, object_flag::stream | object_flag::info);
  ck_assert(data.object.fec_id == FecId::rs8);
  ck_assert_uint_eq(data.object.object, 0x0708);
  ck_assert((data.id == PayloadId{0xf00001, 0x42, 0}));
  ck_assert(!data.fti);
  ck_assert(as_text(data.payload) == "hi!");
}
END_TEST

START_TEST(writes_and_reads_object_information)
{
  const auto packet = data_packet(info, "hi!");
  assert_bytes(
      packet, "12081234 0a0b0c0d abcd7541 24050708 f0000142 40030102 03040506 05784010 686921");
  ck_assert(parsed_as<DataMessage>(packet).fti == info);
  ck_assert(as_text(parsed_as<DataMessage>(packet).payload) == "hi!");

  ByteVector out(max_header_size);
  out.resize(write_info_header(out, start, state, {0x24, FecId::rs8, 0x0708}, info));
  assert_bytes(out, "11071234 0a0b0c0d abcd7541 24050708 40030102 03040506 05784010");
  ck_assert(parsed_as<InfoMessage>(out).fti == info);
  out.resize(max_header_size);
  out.resize(write_info_header(out, start, state, {0x24, FecId::rs8, 0x0708}, std::nullopt));
  assert_bytes(out, "11041234 0a0b0c0d abcd7541 24050708");
  out.push_back(std::byte{'x'});
  const auto read = parsed_as<InfoMessage>(out);
  ck_assert(!read.fti && as_text(read.content) == "x" && read.object.object == 0x0708);
}
END_TEST

START_TEST(the_fast_way_reads_the_same)
{
  std::size_t fast = 0;
  for (const auto &packet : all_messages()) {
    const auto quick = parse_data(packet);
    const auto message = parsed(packet);
    const auto *data = std::get_if<DataMessage>(&message.body);
    ck_assert(quick.has_value() == (data != nullptr && data->object.fec_id == FecId::rs8));
    if (!quick)
      continue;
    ++fast;
    ck_assert(quick->sequence == message.sequence && quick->source == message.source);
    ck_assert(quick->sender == message.sender && quick->id == data->id);
    ck_assert(quick->object.flags == data->object.flags &&
              quick->object.object == data->object.object);
    ck_assert(quick->has_extensions == data->fti.has_value());
    ck_assert(quick->payload.data() == data->payload.data() &&
              quick->payload.size() == data->payload.size());
  }
  ck_assert_uint_eq(fast, 3);
}
END_TEST

START_TEST(rewrites_what_changes)
{
  auto packet = data_packet(info, "hi!");
  rewrite_data_header(packet, {0xfedc, 0x0a0b0c0d}, {0xabcd, 0x10, 15, 9},
                      object_flag::stream | object_flag::repair);
  assert_bytes(
      packet, "1208fedc 0a0b0c0d abcd10f9 21050708 f0000142 40030102 03040506 05784010 686921");
}
END_TEST

START_TEST(writes_and_reads_stream_headers)
{
  std::array<std::byte, StreamHeader::size> raw{};
  write_stream_header({1400, 3, 0xfffffff0}, raw);
  assert_bytes(raw, "05780003 fffffff0");
  const auto read = parse_stream_header(raw);
  ck_assert(read && read->length == 1400 && read->message_start == 3 &&
            read->offset == 0xfffffff0);
  ck_assert(!parse_stream_header(Bytes{raw}.first(7)));
}
END_TEST

START_TEST(writes_and_reads_commands)
{
  const std::array<NodeId, 2> nodes{they, 1};
  ByteVector out;
  write_flush(out, start, state, 0x0708, {0x1000002, 0xfe, 0}, nodes);
  // Blocks have 24 bits.
  assert_bytes(out, "13051234 0a0b0c0d abcd7541 01050708 000002fe c0a80001 00000001");
  const auto flush = parsed_as<FlushCommand>(out);
  ck_assert_uint_eq(flush.object, 0x0708);
  ck_assert((flush.id == PayloadId{2, 0xfe, 0}));
  ck_assert_uint_eq(flush.acking_nodes.size(), 2);
  ck_assert(flush.acking_nodes[0] == they && flush.acking_nodes[1] == 1);
  ck_assert(flush.acking_nodes.contains(1) && !flush.acking_nodes.contains(we));

  out.clear();
  write_end_of_transmission(out, start, state);
  assert_bytes(out, "13041234 0a0b0c0d abcd7541 02000000");
  parsed_as<EndOfTransmission>(out);

  out.clear();
  const std::array<std::uint16_t, 3> objects{1, 2, 0xffff};
  write_squelch(out, start, state, 0x0708, {3, 4, 0}, objects);
  assert_bytes(out, "13051234 0a0b0c0d abcd7541 03050708 00000304 00010002 ffff");
  const auto squelch = parsed_as<SquelchCommand>(out);
  ck_assert(squelch.object == 0x0708 && squelch.id == (PayloadId{3, 4, 0}));
  ck_assert_uint_eq(squelch.invalid_objects.size(), 6);
  ck_assert_uint_eq(object_id_at(squelch.invalid_objects, 1), 2);
  ck_assert_uint_eq(object_id_at(squelch.invalid_objects, 2), 0xffff);

  out.clear();
  write_probe(out, start, state, 0x0102, 1'700'000'000'123'456'789, {}, {});
  assert_bytes(out, "13061234 0a0b0c0d abcd7541 04000102 6553f100 0001e240");
  const auto probe = parsed_as<CongestionCommand>(out);
  ck_assert_uint_eq(probe.cc_sequence, 0x0102);
  ck_assert_uint_eq(probe.send_time, 1'700'000'000'123'456'000);
  ck_assert(!probe.rate);

  out.clear();
  const std::array<CongestionNode, 1> heard{{{0xc0a80001, 0x05, 0x20, 0x0304}}};
  write_probe(out, start, state, 0x0102, 1'700'000'000'123'456'789, 0x0123, heard);
  assert_bytes(out,
               "13071234 0a0b0c0d abcd7541 04000102 6553f100 0001e240 80000123 "
               "c0a80001 05200304");
  const auto controlled = parsed_as<CongestionCommand>(out);
  ck_assert(controlled.rate == 0x0123 && controlled.nodes.size() == 1);
  ck_assert(controlled.nodes[0] == heard[0]);

  out.clear();
  const auto requests = hex("01010008 05000007 00000102");
  write_repair_advertisement(out, start, state, false, requests);
  assert_bytes(out, "13041234 0a0b0c0d abcd7541 05010000 01010008 05000007 00000102");
  ck_assert(!parsed_as<RepairAdvertisement>(out).complete);
  ck_assert_uint_eq(parsed_as<RepairAdvertisement>(out).requests.size(), requests.size());
  out.clear();
  write_repair_advertisement(out, start, state, true, requests);
  assert_bytes(Bytes{out}.first(16), "13041234 0a0b0c0d abcd7541 05000000");
  ck_assert(parsed_as<RepairAdvertisement>(out).complete);
}
END_TEST

START_TEST(writes_and_reads_feedback)
{
  const auto requests = hex("01010008 05000007 00000102");
  ByteVector out;
  write_nack(out, start, they, 0xabcd, 2'000'003'999, {}, requests);
  assert_bytes(
      out, "14061234 0a0b0c0d c0a80001 abcd0000 00000002 00000003 01010008 05000007 00000102");
  auto nack = parsed_as<Nack>(out, false);
  ck_assert(nack.sender == they && nack.instance == 0xabcd);
  ck_assert_uint_eq(nack.grtt_response, 2'000'003'000);
  ck_assert(!nack.extensions.receive_window_kib);
  ck_assert_uint_eq(nack.requests.size(), requests.size());

  out.clear();
  write_nack(out, start, they, 0xabcd, 0, {0x12345678, {}}, {});
  // What does not fit into 24 bits is as much as fits.
  assert_bytes(out, "14071234 0a0b0c0d c0a80001 abcd0000 00000000 00000000 c8ffffff");
  nack = parsed_as<Nack>(out, false);
  ck_assert_uint_eq(nack.extensions.receive_window_kib.value_or(0), 0xffffff);
  ck_assert(nack.requests.empty() && nack.grtt_response == 0);

  Ack ack;
  ack.sender = they;
  ack.instance = 0xabcd;
  ack.ack_id = 9;
  ack.grtt_response = 1'000'001'000;
  ack.object = 0x0708;
  ack.id = {0x010203, 4, 0};
  out.clear();
  write_ack(out, start, ack);
  assert_bytes(out, "15061234 0a0b0c0d c0a80001 abcd0209 00000001 00000001 05000708 01020304");
  auto read = parsed_as<Ack>(out, false);
  ck_assert(read.sender == they && read.instance == 0xabcd && read.type == AckType::flush);
  ck_assert(read.ack_id == 9 && read.grtt_response == 1'000'001'000);
  ck_assert(read.fec_id == FecId::rs8 && read.object == 0x0708 && read.id == ack.id);

  ack.type = AckType::congestion;
  ack.extensions.receive_window_kib = 0x0208;
  out.clear();
  write_ack(out, start, ack);
  assert_bytes(out, "15071234 0a0b0c0d c0a80001 abcd0109 00000001 00000001 c8000208");
  read = parsed_as<Ack>(out, false);
  ck_assert(read.type == AckType::congestion);
  ck_assert_uint_eq(read.extensions.receive_window_kib.value_or(0), 0x0208);
}
END_TEST

START_TEST(reads_what_others_write)
{
  // libnorm's older encoding: a 32-bit block, its length, a 16-bit symbol.
  auto packet =
      hex("120a1234 0a0b0c0d abcd7541 24810708 f0000102 00400103 40040102 03040506 00000578 "
          "00400010 0102");
  auto data = parsed_as<DataMessage>(packet);
  ck_assert(data.object.fec_id == FecId::small_block);
  ck_assert((data.id == PayloadId{0xf0000102, 0x0103, 0x40}));
  ck_assert(data.fti == info);
  ck_assert_uint_eq(data.payload.size(), 2);

  // The general code with 8 bits per symbol and one symbol per packet.
  packet = hex(
      "12091234 0a0b0c0d abcd7541 24020708 00000103 40040102 03040506 08010578 00400010 0102");
  data = parsed_as<DataMessage>(packet);
  ck_assert(data.object.fec_id == FecId::rs_general && data.fti == info);
  ck_assert((data.id == PayloadId{1, 3, 0}));

  // A probe with a rate and a node.
  packet =
      hex("13071234 0a0b0c0d abcd7541 04000005 00000001 00000002 80000123 c0a80001 01020304");
  const auto probe = parsed_as<CongestionCommand>(packet);
  ck_assert(probe.rate == 0x0123 && probe.cc_sequence == 5 && probe.send_time == 1'000'002'000);

  // Congestion feedback is read, what nobody knows is skipped.
  packet =
      hex("140b1234 0a0b0c0d c0a80001 abcd0000 00000002 00000003 03030001 00020003 00040005 "
          "ff010203 05010000 01010008 05000007 00000102");
  const auto nack = parsed_as<Nack>(packet, false);
  ck_assert_uint_eq(nack.requests.size(), 12);
  ck_assert((nack.extensions.congestion == CongestionFeedback{1, 0, 2, 3, 4}));

  packet = hex("13041234 0a0b0c0d abcd7541 06000201 c0a80001");
  const std::array<NodeId, 1> node{they};
  ByteVector out;
  write_ack_request(out, start, state, 2, 1, node);
  ck_assert(out == packet);
  const auto request = parsed_as<AckRequest>(packet);
  ck_assert(request.ack_type == 2 && request.ack_id == 1 &&
            request.acking_nodes.contains(they));

  packet = hex("13041234 0a0b0c0d abcd7541 07000000 4142");
  ck_assert(as_text(parsed_as<ApplicationCommand>(packet).content) == "AB");

  // What does not fill a node or an object at the end is nothing.
  packet = hex("13051234 0a0b0c0d abcd7541 01050708 000002fe c0a800");
  ck_assert_uint_eq(parsed_as<FlushCommand>(packet).acking_nodes.size(), 0);
  packet = hex("13051234 0a0b0c0d abcd7541 03050708 000002fe 000100");
  ck_assert_uint_eq(parsed_as<SquelchCommand>(packet).invalid_objects.size(), 2);
  packet = hex("13071234 0a0b0c0d abcd7541 01810708 00000001 00400002 ff000000 c0a80001");
  const auto flush = parsed_as<FlushCommand>(packet);
  ck_assert((flush.id == PayloadId{1, 2, 0x40}));
  ck_assert_uint_eq(flush.acking_nodes.size(), 1);
}
END_TEST

START_TEST(finds_faults)
{
  assert_fault("", MessageFault::truncated);
  assert_fault("12051234 0a0b0c0d abcd7541 240507", MessageFault::truncated);
  assert_fault("12051234 0a0b0c0d abcd7541 24050708 f00001", MessageFault::truncated);
  assert_fault("22051234 0a0b0c0d abcd7541 24050708 f0000142", MessageFault::bad_version);
  assert_fault("02051234 0a0b0c0d abcd7541 24050708 f0000142", MessageFault::bad_version);
  assert_fault("12041234 0a0b0c0d abcd7541 24050708 f0000142", MessageFault::bad_header_length);
  assert_fault("13051234 0a0b0c0d abcd7541 04000102 6553f100 0001e240",
               MessageFault::bad_header_length);
  assert_fault("12061234 0a0b0c0d abcd7541 24050708 f0000142", MessageFault::truncated);
  assert_fault("12051234 00000000 abcd7541 24050708 f0000142", MessageFault::bad_source);
  assert_fault("12051234 ffffffff abcd7541 24050708 f0000142", MessageFault::bad_source);
  for (const auto *type : {"10", "16", "1f"})
    assert_fault(std::string{type} + "051234 0a0b0c0d abcd7541 24050708 f0000142",
                 MessageFault::unknown_type);
  for (const auto *command : {"00", "08", "ff"})
    assert_fault("13051234 0a0b0c0d abcd7541 " + std::string{command} + "050708 f0000142",
                 MessageFault::unknown_type);
  assert_fault("12051234 0a0b0c0d abcd7541 24060708 f0000142", MessageFault::unknown_fec);
  assert_fault("11041234 0a0b0c0d abcd7541 24000708", MessageFault::unknown_fec);
  assert_fault("13051234 0a0b0c0d abcd7541 01000708 f0000142", MessageFault::unknown_fec);
  assert_fault("15061234 0a0b0c0d c0a80001 abcd0209 00000001 00000001 06000708 01020304",
               MessageFault::unknown_fec);
  assert_fault("15061234 0a0b0c0d c0a80001 abcd0209 00000001 00000001 05000708 010203",
               MessageFault::truncated);
  assert_fault("15061234 0a0b0c0d c0a80001 abcd0209 00000001 00000001",
               MessageFault::truncated);
}
END_TEST

START_TEST(finds_faults_of_extensions)
{
  const std::string data = "1234 0a0b0c0d abcd7541 24050708 f0000142 ";
  // parse_data() leaves extensions to parse_message().
  const auto check = [](const std::string &text, MessageFault want) {
    const auto result = parse_message(hex(text));
    const auto *fault = std::get_if<MessageFault>(&result);
    ck_assert_msg(fault != nullptr && *fault == want, "%s", text.c_str());
  };
  check("1208" + data + "40000102 03040506 05784010", MessageFault::bad_extension);
  check("1208" + data + "40040102 03040506 05784010", MessageFault::bad_extension);
  check("1207" + data + "40020102 03040506", MessageFault::bad_extension);
  check("1206" + data + "05ff0000", MessageFault::bad_extension);
  // No segment size, no sources, more than 255 symbols.
  check("1208" + data + "40030102 03040506 00004010", MessageFault::bad_field);
  check("1208" + data + "40030102 03040506 05780010", MessageFault::bad_field);
  check("1208" + data + "40030102 03040506 057840c0", MessageFault::bad_field);
  parsed(hex("1208" + data + "40030102 03040506 057840bf"));
  // 16 bits per symbol; two symbols per packet; the length of another encoding's.
  const std::string general = "12091234 0a0b0c0d abcd7541 24020708 00000103 ";
  check(general + "40040102 03040506 10010578 00400010", MessageFault::unknown_fec);
  check(general + "40040102 03040506 08020578 00400010", MessageFault::unknown_fec);
  check("12081234 0a0b0c0d abcd7541 24020708 00000103 40030102 03040506 05784010",
        MessageFault::bad_extension);

  ByteVector huge = data_packet(std::nullopt, "");
  huge.resize(max_message_size);
  ck_assert_uint_eq(parsed_as<DataMessage>(huge).payload.size(), max_message_size - 20);
  ck_assert(parse_data(huge));
  huge.resize(max_message_size + 1);
  ck_assert(std::get<MessageFault>(parse_message(huge)) == MessageFault::too_long);
  ck_assert(!parse_data(huge));
}
END_TEST

START_TEST(writes_and_reads_repair_requests)
{
  RepairRequestWriter writer{1400};
  const RepairRequest range{RepairForm::ranges,
                            repair_flag::segment,
                            {FecId::rs8, 7, {1, 2, 0}},
                            {FecId::rs8, 7, {1, 9, 0}}};
  const RepairPoint other{FecId::small_block, 8, {0xf0000001, 0x0102, 64}};
  const RepairRequest items{RepairForm::items, repair_flag::segment, other, other};
  const RepairPoint count{FecId::rs8, 7, {4, 3, 0}};
  const RepairRequest erasures{RepairForm::erasures, repair_flag::segment, count, count};
  const std::vector<RepairRequest> requests{
      segment_item(1, 2), segment_item(1, 3), items, range, range, erasures};
  for (const auto &request : requests)
    ck_assert(writer.add(request));
  assert_bytes(
      writer.bytes(),
      "0101001c 05000007 00000102 05000007 00000103 81000008 f0000001 00400102 "
      "02010020 05000007 00000102 05000007 00000109 05000007 00000102 05000007 00000109 "
      "03010008 05000007 00000403");
  std::vector<RepairRequest> read{requests};
  ck_assert(parse_repair_requests(writer.bytes(), read));
  ck_assert(read == requests);

  // Another level is another heading.
  writer.clear();
  ck_assert(writer.empty());
  auto block = segment_item(5, 0);
  block.flags = repair_flag::block;
  ck_assert(writer.add(segment_item(4, 1)) && writer.add(block));
  assert_bytes(writer.bytes(), "01010008 05000007 00000401 01020008 05000007 00000500");
}
END_TEST

START_TEST(repair_requests_have_limits)
{
  RepairRequestWriter writer{4 + 3 * 8 + 7};
  for (std::uint16_t i = 0; i < 3; ++i)
    ck_assert(writer.add(segment_item(1, i)));
  const auto full = ByteVector(writer.bytes().begin(), writer.bytes().end());
  ck_assert(!writer.add(segment_item(1, 3)));
  ck_assert(ByteVector(writer.bytes().begin(), writer.bytes().end()) == full);
  std::vector<RepairRequest> read;
  ck_assert(parse_repair_requests(full, read, 3));
  ck_assert_uint_eq(read.size(), 3);
  ck_assert(!parse_repair_requests(full, read, 2));
  ck_assert_uint_eq(read.size(), 2);

  // No room for a heading.
  RepairRequestWriter tiny{11};
  ck_assert(!tiny.add(segment_item(1, 1)) && tiny.empty());
  // A list has no more than its length can say.
  RepairRequestWriter large{70'000};
  std::size_t count = 0;
  while (large.add(segment_item(1, 1)))
    ++count;
  ck_assert_uint_eq(count, (70'000 - 2 * 4) / 8);
  ck_assert(parse_repair_requests(large.bytes(), read, count));
  ck_assert_uint_eq(read.size(), count);
}
END_TEST

START_TEST(reads_repair_requests_as_far_as_they_go)
{
  std::vector<RepairRequest> read;
  const std::string good = "01010008 05000007 00000102 ";
  ck_assert(parse_repair_requests({}, read) && read.empty());
  ck_assert(parse_repair_requests(hex("01010000"), read) && read.empty());
  for (const auto *bad :
       {"010100", "00010000", "04010000", "01010008 05000007 000001", "01010004 05000007",
        "01010008 06000007 00000102", "02010008 05000007 00000102", "01010003 050000",
        "0101000c 05000007 00000102 05000007"}) {
    const auto both = hex(good + bad);
    ck_assert_msg(!parse_repair_requests(both, read), "%s", bad);
    ck_assert_msg(!read.empty() && read[0] == segment_item(1, 2), "%s", bad);
    ck_assert_msg(read.size() <= 2, "%s", bad);
  }
}
END_TEST

START_TEST(survives_truncation_and_mutation)
{
  std::vector<RepairRequest> read;
  const auto look = [&read](const ByteVector &packet) {
    // In a block of its own size, so that a sanitiser sees each byte too far.
    const ByteVector exact(packet.begin(), packet.end());
    parse_data(exact);
    const auto result = parse_message(exact);
    const auto *message = std::get_if<Message>(&result);
    if (message == nullptr)
      return;
    if (const auto *nack = std::get_if<Nack>(&message->body))
      parse_repair_requests(nack->requests, read);
    else if (const auto *adv = std::get_if<RepairAdvertisement>(&message->body))
      parse_repair_requests(adv->requests, read);
    else if (const auto *flush = std::get_if<FlushCommand>(&message->body))
      ck_assert(!flush->acking_nodes.contains(0x5a5a5a5a));
    else if (const auto *squelch = std::get_if<SquelchCommand>(&message->body))
      for (std::size_t i = 0; i < squelch->invalid_objects.size() / 2; ++i)
        object_id_at(squelch->invalid_objects, i);
    else if (const auto *data = std::get_if<DataMessage>(&message->body))
      ck_assert(!data->fti || data->fti->max_sources + data->fti->max_parities <= 255);
  };
  test::Random random{1};
  for (const auto &message : all_messages()) {
    for (std::size_t size = 0; size <= message.size(); ++size)
      look(ByteVector(message.begin(), message.begin() + static_cast<std::ptrdiff_t>(size)));
    for (std::size_t at = 0; at < message.size(); ++at)
      for (unsigned value = 0; value < 256; ++value) {
        auto mutated = message;
        mutated[at] = static_cast<std::byte>(value);
        look(mutated);
      }
    for (int i = 0; i < 2000; ++i) {
      auto mutated = message;
      for (auto changes = 2 + random.below(4); changes > 0; --changes)
        mutated[random.below(mutated.size())] = static_cast<std::byte>(random.below(256));
      look(mutated);
    }
  }
}
END_TEST

START_TEST(quantises_times_as_libnorm_does)
{
  ck_assert_uint_eq(unquantise_rtt(0), 1'000);
  ck_assert_uint_eq(unquantise_rtt(30), 31'000);
  // Its table has four digits.
  const std::array<std::pair<std::uint8_t, double>, 7> table{{{31, 3.287e-05},
                                                              {46, 1.042e-04},
                                                              {100, 6.635e-03},
                                                              {127, 5.295e-02},
                                                              {163, 8.444e-01},
                                                              {200, 1.454e+01},
                                                              {255, 1.000e+03}}};
  for (const auto &[quantised, seconds] : table) {
    const auto ours = static_cast<double>(unquantise_rtt(quantised)) * 1e-9;
    ck_assert_msg(ours > seconds * 0.999 && ours < seconds * 1.001, "%u: %g", quantised, ours);
  }
  for (unsigned i = 0; i < 256; ++i) {
    const auto quantised = static_cast<std::uint8_t>(i);
    const auto rtt = unquantise_rtt(quantised);
    ck_assert_uint_eq(quantise_rtt(rtt), i);
    ck_assert_uint_eq(quantise_rtt(rtt + 1), std::min(i + 1, 255U));
    ck_assert(i == 0 || rtt > unquantise_rtt(static_cast<std::uint8_t>(i - 1)));
  }
  ck_assert_uint_eq(quantise_rtt(0), 0);
  ck_assert_uint_eq(quantise_rtt(UINT64_MAX), 255);
}
END_TEST

START_TEST(quantises_group_sizes)
{
  const std::array<std::pair<std::uint64_t, unsigned>, 12> sizes{{{0, 0},
                                                                  {10, 0},
                                                                  {11, 8},
                                                                  {50, 8},
                                                                  {51, 1},
                                                                  {100, 1},
                                                                  {10'000, 3},
                                                                  {10'001, 11},
                                                                  {100'000'001, 15},
                                                                  {500'000'000, 15},
                                                                  {500'000'001, 15},
                                                                  {UINT64_MAX, 15}}};
  for (const auto &[receivers, quantised] : sizes)
    ck_assert_uint_eq(quantise_group_size(receivers), quantised);
  ck_assert_uint_eq(unquantise_group_size(0), 10);
  ck_assert_uint_eq(unquantise_group_size(7), 100'000'000);
  ck_assert_uint_eq(unquantise_group_size(8), 50);
  ck_assert_uint_eq(unquantise_group_size(15), 500'000'000);
}
END_TEST

START_TEST(numbers_wrap)
{
  ck_assert_int_eq(distance16(0xffff, 1), 2);
  ck_assert_int_eq(distance16(1, 0xffff), -2);
  ck_assert_int_eq(distance16(0, 0x7fff), 0x7fff);
  ck_assert_int_eq(distance24(0xffffff, 1), 2);
  ck_assert_int_eq(distance24(1, 0xffffff), -2);
  ck_assert_int_eq(distance24(0, 0x7fffff), 0x7fffff);
  ck_assert_int_eq(distance24(0, 0x800000), -0x800000);
}
END_TEST

CHECK_MAIN("srm_codec", writes_and_reads_data, writes_and_reads_object_information,
           the_fast_way_reads_the_same, rewrites_what_changes, writes_and_reads_stream_headers,
           writes_and_reads_commands, writes_and_reads_feedback, reads_what_others_write,
           finds_faults, finds_faults_of_extensions, writes_and_reads_repair_requests,
           repair_requests_have_limits, reads_repair_requests_as_far_as_they_go,
           survives_truncation_and_mutation, quantises_times_as_libnorm_does,
           quantises_group_sizes, numbers_wrap)
