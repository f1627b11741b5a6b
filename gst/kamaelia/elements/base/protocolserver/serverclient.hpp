// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/base/protocolserver/serverevents.hpp"
#include "elements/server/clientbin.hpp"
#include "net/reactor.hpp"
#include "net/tcp_connection.hpp"

#include <memory>
#include <string>

namespace kam {

class ServerLoop;

// A connection and the bin that serves it, in a reactor's thread.
class ServerClient final : private net::TcpConnection::Handler,
                           private ClientBin::User,
                           private net::Timer::Handler {
 public:
  ServerClient(ServerLoop &loop, std::shared_ptr<ClientRecord> record,
               std::unique_ptr<net::Stream> stream, std::unique_ptr<ClientBin> bin,
               bool is_reusable);
  ~ServerClient();

  // Once the client is among the loop's.
  void begin();
  // The worker has started the bin.
  void started(bool is_playing);
  // Goes, for this reason unless it goes for another already.
  void remove(Removal reason);

  const ClientRecord &record() const { return *record_; }
  guint64 id() const { return record_->info.id; }

 private:
  std::span<std::byte> read_space() override;
  void handle_bytes(std::size_t count) override;
  void handle_end() override;
  void handle_drained() override;
  void handle_closed(net::TcpConnection::Closing closing) override;

  void handle_output(Bytes bytes) override;
  void handle_output_end() override;
  bool can_take_output() override;
  void handle_input_room() override;
  void handle_sinks_end() override;
  void handle_bin_error(const std::string &what) override;

  void handle_time(std::uint64_t now) override;
  std::uint64_t next_deadline() const;
  void arm();
  void note_reason(Removal reason);
  void note_queue();
  void fail(const std::string &what);
  void wind_up();
  // The last thing that happens to it: it is destroyed.
  void leave();

  ServerLoop &loop_;
  std::shared_ptr<ClientRecord> record_;
  std::unique_ptr<ClientBin> bin_;
  net::TcpConnection connection_;
  net::Timer timer_;
  std::string detail_;
  std::uint64_t born_;
  std::uint64_t last_activity_;
  std::uint64_t wound_up_by_ = 0;  // 0: not winding up
  Removal reason_ = Removal::eos;
  bool has_reason_ = false;
  bool is_reusable_;
  bool is_starting_ = false;
  bool has_given_end_ = false;
  bool have_sinks_ended_ = false;
  bool is_closed_ = false;
  bool is_leaving_ = false;
};

}  // namespace kam
