// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/swarm/peerrequests.hpp"

#include "core/torrent/request_window.hpp"

#include <libtorrent/bdecode.hpp>
#include <libtorrent/extensions.hpp>
#include <libtorrent/peer_connection.hpp>
#include <libtorrent/peer_connection_handle.hpp>
#include <libtorrent/peer_request.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace kam::torrent {

namespace {

using Block = RequestWindow::Block;

enum class MessageId : std::uint8_t { request = 6, cancel = 8 };  // BEP 3

Block block_of(const lt::peer_request &request)
{
  return {int(request.piece), request.start, request.length};
}

RequestWindow::Time now()
{
  return std::chrono::steady_clock::now().time_since_epoch();
}

// Runs in libtorrent's thread.
class PatientPeer final : public lt::peer_plugin {
 public:
  explicit PatientPeer(lt::peer_connection_handle peer) : peer_{std::move(peer)} {}

  bool on_extension_handshake(const lt::bdecode_node &handshake) override
  {
    // Two fewer, for both count in their own way.
    constexpr std::int64_t spare = 2;
    if (const auto remembered = handshake.dict_find_int_value("reqq"); remembered > 0)
      window_.set_most(static_cast<std::size_t>(std::max<std::int64_t>(remembered - spare, 1)));
    return true;
  }

  // True for what libtorrent is not to send.
  bool write_request(const lt::peer_request &request) override
  {
    return !window_.ask(block_of(request), now());
  }

  bool on_piece(const lt::peer_request &request, lt::span<const char>) override
  {
    window_.answered(block_of(request), now());
    go_on();
    return false;
  }

  bool on_reject(const lt::peer_request &request) override
  {
    window_.withdraw(block_of(request));
    go_on();
    return false;
  }

  // libtorrent waits for a peer to refuse what has been taken back, so it is asked.
  void sent_cancel(const lt::peer_request &request) override
  {
    const auto block = block_of(request);
    if (!window_.withdraw(block))
      return;
    send(MessageId::request, block);
    send(MessageId::cancel, block);
  }

  // The same: it refuses whatever it is asked for now.
  bool on_choke() override
  {
    while (const auto block = window_.next_anyway(now()))
      send(MessageId::request, *block);
    return false;
  }

  // Each second.
  void tick() override
  {
    window_.give_up(now());
    go_on();
  }

 private:
  void go_on()
  {
    while (const auto block = window_.next(now()))
      send(MessageId::request, *block);
  }

  void send(MessageId id, const Block &block)
  {
    std::array<char, 17> message{0, 0, 0, 13, static_cast<char>(id)};
    std::size_t at = 5;
    for (const auto value : {block.piece, block.start, block.length})
      for (int shift = 24; shift >= 0; shift -= 8)
        message[at++] = static_cast<char>(static_cast<std::uint32_t>(value) >> shift);
    peer_.send_buffer(message.data(), static_cast<int>(message.size()));
  }

  lt::peer_connection_handle peer_;
  RequestWindow window_;
};

class PatientTorrent final : public lt::torrent_plugin {
 public:
  std::shared_ptr<lt::peer_plugin> new_connection(
      const lt::peer_connection_handle &peer) override
  {
    // Web seeds are asked in ways of their own.
    if (peer.type() != lt::connection_type::bittorrent)
      return nullptr;
    return std::make_shared<PatientPeer>(peer);
  }
};

}  // namespace

void ask_little(lt::add_torrent_params &params)
{
  params.extensions.emplace_back([](const lt::torrent_handle &, lt::client_data_t) {
    return std::make_shared<PatientTorrent>();
  });
}

}  // namespace kam::torrent
