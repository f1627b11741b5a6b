// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/swarm/peersockets.hpp"

#include <libtorrent/extensions.hpp>
#include <libtorrent/peer_connection.hpp>
#include <libtorrent/peer_connection_handle.hpp>

#include <boost/asio/steady_timer.hpp>

#include <netinet/tcp.h>

#include <chrono>
#include <memory>
#include <utility>

namespace kam::torrent {

namespace {

using QuickAck = boost::asio::detail::socket_option::boolean<IPPROTO_TCP, TCP_QUICKACK>;

// Runs in libtorrent's thread.
class PromptPeer final : public lt::peer_plugin,
                         public std::enable_shared_from_this<PromptPeer> {
 public:
  PromptPeer(lt::peer_connection_handle peer, lt::io_context &context)
      : peer_{std::move(peer)}, timer_{context}
  {
    send_at_once();  // Of a peer that has called us. Others have no socket yet.
  }

  void on_connected() override { send_at_once(); }
  void sent_request(const lt::peer_request &) override { acknowledge_soon(); }
  void sent_cancel(const lt::peer_request &) override { acknowledge_soon(); }
  void sent_have(lt::piece_index_t) override { acknowledge_soon(); }

 private:
  void send_at_once() { set(lt::tcp::no_delay{true}); }

  // The system acknowledges late from when something is sent, which happens a little after
  // libtorrent has said so. Not for each packet: a fast download sends many.
  void acknowledge_soon()
  {
    if (std::exchange(is_soon_, true))
      return;
    timer_.expires_after(std::chrono::milliseconds{1});
    timer_.async_wait([weak = weak_from_this()](const lt::error_code &) {
      const auto self = weak.lock();
      if (!self)
        return;
      self->is_soon_ = false;
      self->set(QuickAck{true});
    });
  }

  template <class Option>
  void set(const Option &option)
  {
    lt::error_code ec;  // Not every kind of socket has every option.
    if (const auto connection = peer_.native_handle())
      connection->get_socket().set_option(option, ec);
  }

  lt::peer_connection_handle peer_;
  boost::asio::steady_timer timer_;
  bool is_soon_ = false;
};

class PromptTorrent final : public lt::torrent_plugin {
 public:
  explicit PromptTorrent(lt::io_context &context) : context_{context} {}

  std::shared_ptr<lt::peer_plugin> new_connection(
      const lt::peer_connection_handle &peer) override
  {
    return std::make_shared<PromptPeer>(peer, context_);
  }

 private:
  lt::io_context &context_;
};

}  // namespace

void make_prompt(lt::add_torrent_params &params, lt::io_context &context)
{
  params.extensions.emplace_back([&context](const lt::torrent_handle &, lt::client_data_t) {
    return std::make_shared<PromptTorrent>(context);
  });
}

}  // namespace kam::torrent
