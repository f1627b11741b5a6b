// SPDX-License-Identifier: LGPL-2.1-or-later
// What a receiver knows of one sender: its objects on their way, and when to ask for what.
#pragma once

#include "core/bytes.hpp"
#include "core/srm/codec.hpp"
#include "core/srm/congestion_reporter.hpp"
#include "core/srm/memory_account.hpp"
#include "core/srm/probation.hpp"
#include "core/srm/receiver.hpp"
#include "core/srm/remote_object.hpp"

#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <vector>

namespace kam::srm {

// What all senders of a receiver share.
struct ReceiverShared {
  explicit ReceiverShared(const ReceiverOptions &its_options)
      : options{its_options}, memory{its_options.total_bytes}
  {
  }

  struct Outgoing {
    ByteVector bytes;
    bool to_group;
    PeerId peer;
  };
  ReceiverOptions options;
  MemoryAccount memory;
  ReceiverStats stats;
  std::mt19937_64 random;
  Decoder decoder;
  std::deque<Outgoing> feedback;
  std::size_t next_feedback = 0;
  std::vector<RepairRequest> requests;
  std::uint16_t sequence = 0;
};

class RemoteSender {
 public:
  RemoteSender(NodeId node, std::uint16_t instance, PeerId peer, ReceiverShared &shared,
               std::uint64_t now);

  std::uint16_t instance() const { return instance_; }
  std::uint64_t last_heard() const { return last_heard_; }
  std::uint64_t grtt() const { return grtt_; }
  bool has_left() const { return left_; }
  // A packet in this sender's name comes from another instance: whether to believe that it has
  // started anew.
  bool is_replaced_by(std::uint16_t instance, std::uint64_t now)
  {
    return successor_.suggest(instance, 0, now);
  }

  // Each packet of it, where it controls congestion.
  void note_packet(std::uint16_t sequence, std::size_t size, std::uint64_t now)
  {
    if (congestion_)
      congestion_->handle_packet(sequence, size, now, grtt_);
  }
  void handle_data(const SenderState &state, const ObjectHeader &header, PayloadId id,
                   const std::optional<ObjectTransmissionInfo> &fti, Bytes payload, PeerId from,
                   std::uint64_t now);
  void handle_message(const Message &message, PeerId from, std::uint64_t now);
  // Another receiver asks the same sender, or the sender says what was asked for.
  void handle_requests_of_others(Bytes requests, std::uint64_t now);
  void handle_timeout(std::uint64_t now);
  std::optional<std::uint64_t> next_timeout() const;
  std::optional<ReceiverEvent> poll_event();
  // Nothing more comes; what is there is given out, then SenderLeft.
  void leave(LeaveReason reason);

 private:
  struct Tracked {
    explicit Tracked(RemoteObject made) : object{std::move(made)} {}
    RemoteObject object;
    bool announced = false;
    bool info_is_news = false;
    bool damaged = false;
  };
  struct Watermark {
    std::uint16_t object = 0;
    FecId fec_id = FecId::rs8;
    PayloadId id;
  };

  void hear(const SenderState &state, PeerId from, std::uint64_t now);
  Tracked *find(std::uint16_t id);
  Tracked *find_or_add(std::uint16_t id);
  void come_back();
  bool is_near(std::uint16_t id, int ahead);
  Tracked &add(std::uint16_t id);
  void add_missed();
  void note_missed(Tracked &tracked, std::uint64_t before, std::uint64_t now);
  void handle_info(const ObjectHeader &header, const InfoMessage &info, std::uint64_t now);
  void handle_flush(const FlushCommand &flush, std::uint64_t now);
  void handle_squelch(const SquelchCommand &squelch, std::uint64_t now);
  static void give_up(Tracked &tracked);
  void handle_probe(const CongestionCommand &probe, std::uint64_t now);
  void handle_ack_request(const AckRequest &request, std::uint64_t now);
  void handle_end(std::uint64_t now);
  void report_loss(Tracked &tracked, const RemoteObject::Skipped &skipped);

  // --- asking
  double backoff(double max) const;
  std::uint64_t ask_interval(unsigned attempts) const;
  void schedule_nack(std::uint64_t now);
  void send_nack(std::uint64_t now);
  void gather_requests(Tracked &tracked, RepairRequestWriter &writer, std::uint64_t now);
  bool ask_for_block(RemoteObject &object, ReceiveBlock &block, RepairRequestWriter &writer,
                     std::uint64_t now);
  bool shares_repairs(const RemoteObject &object) const;
  std::uint64_t held_until(const RemoteObject &object, const ReceiveBlock &block) const;
  void schedule_nack_for(const RemoteObject &object, std::uint64_t now);
  void spread_requests(RemoteObject &object, std::uint64_t now);
  std::uint64_t all_held_until(const RemoteObject &object) const;
  static void choose_parities(const RemoteObject &object, const ReceiveBlock &block,
                              std::uint16_t count, ReceiveBlock::Symbols &wanted);
  static bool write_symbols(const RemoteObject &object, const ReceiveBlock &block,
                            const ReceiveBlock::Symbols &symbols, RepairRequestWriter &writer);
  std::uint64_t next_ask() const;
  // --- answering
  std::uint64_t grtt_response(std::uint64_t now) const;
  FeedbackExtensions extensions(std::uint64_t now);
  MessageStart next_start();
  static bool is_behind(const Watermark &next, const Watermark &point);
  void owe(const Watermark &watermark);
  bool is_due(const Watermark &watermark) const;
  void send_ack(AckType type, std::uint8_t ack_id, const Watermark &watermark,
                std::uint64_t now);
  void send_owed_acks(std::uint64_t now);
  void answer_probe(std::uint64_t now);
  double fullness() const;

  std::optional<ReceiverEvent> poll_object(Tracked &tracked);
  void finish_front(bool complete);
  void give_up_gaps(std::uint64_t now);
  void check_ended(std::uint64_t now);

  NodeId node_;
  std::uint16_t instance_;
  PeerId peer_;
  ReceiverShared &shared_;
  SenderState state_;
  std::uint64_t grtt_;
  std::uint64_t last_heard_;
  std::uint64_t now_;  // the time of the last call that had one
  std::uint64_t probe_time_ = 0;
  std::uint64_t probe_came_ = 0;
  std::optional<CongestionReporter> congestion_;  // if the sender asks for it

  MemoryAccount memory_;
  Probation successor_;
  Probation far_object_;
  std::deque<ReceiverEvent> events_;
  std::deque<Tracked> objects_;
  std::optional<std::uint16_t> last_done_;     // object
  std::optional<std::uint16_t> newest_named_;  // likewise; bulk
  std::optional<LeaveReason> leaving_;
  bool left_ = false;
  std::uint64_t ended_at_ = 0;
  std::uint64_t stuck_since_ = 0;  // the front has nothing while later objects have

  std::uint64_t nack_at_ = 0;  // 0: nothing to ask
  bool backing_off_ = false;   // until then; else it is the time to ask again
  bool suppressed_ = false;
  std::deque<Watermark> owed_;  // acknowledgements, of what is not all there yet
  std::optional<std::uint8_t> owed_credit_;
  std::uint64_t presence_at_ = 0;
  std::uint64_t presence_sent_at_ = 0;
};

}  // namespace kam::srm
