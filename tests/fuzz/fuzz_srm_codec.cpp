// SPDX-License-Identifier: LGPL-2.1-or-later
// What is read stays in the packet; the fast way reads the same; what is written again is read
// as it was.
#include "core/srm/codec.hpp"
#include "fuzz_support.hpp"

#include <array>
#include <type_traits>

using namespace kam;
using namespace kam::srm;

namespace {

bool within(Bytes part, Bytes whole)
{
  return part.empty() || (part.data() >= whole.data() &&
                          part.data() + part.size() <= whole.data() + whole.size());
}

bool same(Bytes left, Bytes right)
{
  return as_text(left) == as_text(right);
}

bool same(const NodeList &left, const NodeList &right)
{
  for (std::size_t i = 0; i < left.size(); ++i)
    if (i >= right.size() || left[i] != right[i])
      return false;
  return left.size() == right.size();
}

bool same(const CongestionNodes &left, const CongestionNodes &right)
{
  for (std::size_t i = 0; i < left.size(); ++i)
    if (i >= right.size() || left[i] != right[i])
      return false;
  return left.size() == right.size();
}

std::vector<NodeId> all_of(const NodeList &list)
{
  std::vector<NodeId> nodes;
  for (std::size_t i = 0; i < list.size(); ++i)
    nodes.push_back(list[i]);
  return nodes;
}

void check_requests(Bytes requests)
{
  std::vector<RepairRequest> read;
  parse_repair_requests(requests, read, 100);
  fuzz::require(read.size() <= 100);
  RepairRequestWriter writer{max_message_size};
  for (const auto &request : read)
    fuzz::require(writer.add(request));
  std::vector<RepairRequest> again;
  fuzz::require(parse_repair_requests(writer.bytes(), again, 100));
  fuzz::require(again == read);
}

void check_fast(const FastData &fast, const Message &message)
{
  const auto &data = std::get<DataMessage>(message.body);
  fuzz::require(fast.sequence == message.sequence && fast.source == message.source);
  fuzz::require(fast.sender == message.sender && fast.id == data.id);
  fuzz::require(fast.object.flags == data.object.flags);
  fuzz::require(fast.object.object == data.object.object);
  fuzz::require(same(fast.payload, data.payload));
}

// Writes what we have read, if it is something that we write.
class Writer {
 public:
  explicit Writer(const Message &message)
      : message_{message}, start_{message.sequence, message.source}
  {
  }

  ByteVector write()
  {
    std::visit([this](const auto &body) { write(body); }, message_.body);
    return out_;
  }

 private:
  void write(const DataMessage &data)
  {
    if (data.object.fec_id != FecId::rs8)
      return;
    out_.resize(max_header_size);
    out_.resize(
        write_data_header(out_, start_, message_.sender, data.object, data.id, data.fti));
    out_.insert(out_.end(), data.payload.begin(), data.payload.end());
  }
  void write(const InfoMessage &info)
  {
    if (info.object.fec_id != FecId::rs8)
      return;
    out_.resize(max_header_size);
    out_.resize(write_info_header(out_, start_, message_.sender, info.object, info.fti));
    out_.insert(out_.end(), info.content.begin(), info.content.end());
  }
  void write(const FlushCommand &flush)
  {
    if (flush.fec_id == FecId::rs8)
      write_flush(out_, start_, message_.sender, flush.object, flush.id,
                  all_of(flush.acking_nodes));
  }
  void write(const EndOfTransmission &)
  {
    write_end_of_transmission(out_, start_, message_.sender);
  }
  void write(const SquelchCommand &squelch)
  {
    if (squelch.fec_id != FecId::rs8)
      return;
    std::vector<std::uint16_t> objects;
    for (std::size_t i = 0; i < squelch.invalid_objects.size() / 2; ++i)
      objects.push_back(object_id_at(squelch.invalid_objects, i));
    write_squelch(out_, start_, message_.sender, squelch.object, squelch.id, objects);
  }
  void write(const CongestionCommand &probe)
  {
    std::vector<CongestionNode> nodes;
    for (std::size_t i = 0; i < probe.nodes.size(); ++i)
      nodes.push_back(probe.nodes[i]);
    write_probe(out_, start_, message_.sender, probe.cc_sequence, probe.send_time, probe.rate,
                nodes);
  }
  void write(const RepairAdvertisement &adv)
  {
    write_repair_advertisement(out_, start_, message_.sender, adv.complete, adv.requests);
  }
  void write(const AckRequest &request)
  {
    write_ack_request(out_, start_, message_.sender, request.ack_type, request.ack_id,
                      all_of(request.acking_nodes));
  }
  void write(const ApplicationCommand &) {}
  void write(const Nack &nack)
  {
    write_nack(out_, start_, nack.sender, nack.instance, nack.grtt_response, nack.extensions,
               nack.requests);
  }
  void write(const Ack &ack) { write_ack(out_, start_, ack); }

  const Message &message_;
  MessageStart start_;
  ByteVector out_;
};

// Whether the second is the first, of what is of a length that a peer chooses.
void check_same(const Message &first, const Message &second)
{
  fuzz::require(first.body.index() == second.body.index());
  fuzz::require(first.sequence == second.sequence && first.source == second.source);
  fuzz::require(first.sender == second.sender);
  std::visit(
      [&second](const auto &one) {
        using Body = std::decay_t<decltype(one)>;
        const auto &other = std::get<Body>(second.body);
        if constexpr (std::is_same_v<Body, DataMessage>)
          fuzz::require(one.id == other.id && one.fti == other.fti &&
                        same(one.payload, other.payload));
        else if constexpr (std::is_same_v<Body, InfoMessage>)
          fuzz::require(one.fti == other.fti && same(one.content, other.content));
        else if constexpr (std::is_same_v<Body, FlushCommand>)
          fuzz::require(one.id == other.id && same(one.acking_nodes, other.acking_nodes));
        else if constexpr (std::is_same_v<Body, SquelchCommand>)
          fuzz::require(one.id == other.id && same(one.invalid_objects, other.invalid_objects));
        else if constexpr (std::is_same_v<Body, AckRequest>)
          fuzz::require(one.ack_id == other.ack_id &&
                        same(one.acking_nodes, other.acking_nodes));
        else if constexpr (std::is_same_v<Body, CongestionCommand>)
          fuzz::require(one.cc_sequence == other.cc_sequence && one.rate == other.rate &&
                        same(one.nodes, other.nodes));
        else if constexpr (std::is_same_v<Body, RepairAdvertisement>)
          fuzz::require(one.complete == other.complete && same(one.requests, other.requests));
        else if constexpr (std::is_same_v<Body, Nack>)
          fuzz::require(one.sender == other.sender && same(one.requests, other.requests) &&
                        one.extensions == other.extensions);
        else if constexpr (std::is_same_v<Body, Ack>)
          fuzz::require(one.sender == other.sender && one.type == other.type &&
                        one.object == other.object && one.id == other.id);
      },
      first.body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  const auto packet = std::as_bytes(std::span{data, size});
  const auto fast = parse_data(packet);
  const auto result = parse_message(packet);
  const auto *message = std::get_if<Message>(&result);
  if (message == nullptr) {
    // parse_data() does not look at extensions.
    fuzz::require(!fast || fast->has_extensions);
    check_requests(packet);
    return 0;
  }
  if (fast)
    check_fast(*fast, *message);
  if (const auto *read = std::get_if<DataMessage>(&message->body)) {
    fuzz::require(within(read->payload, packet));
    parse_stream_header(read->payload);
  } else if (const auto *nack = std::get_if<Nack>(&message->body)) {
    check_requests(nack->requests);
  } else if (const auto *adv = std::get_if<RepairAdvertisement>(&message->body)) {
    check_requests(adv->requests);
  }
  const auto again = Writer{*message}.write();
  if (again.empty())
    return 0;
  const auto reread = parse_message(again);
  fuzz::require(std::holds_alternative<Message>(reread));
  check_same(*message, std::get<Message>(reread));
  return 0;
}
