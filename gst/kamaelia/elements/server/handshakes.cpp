// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/server/handshakes.hpp"

#include <utility>

namespace kam {

// A client that has not proved yet that it speaks TLS.
class Handshakes::Handshake final : private net::ReadyHandler, private net::Timer::Handler {
 public:
  Handshake(Handshakes &all, std::uint64_t id, net::FileDescriptor socket,
            std::shared_ptr<const ServerTls> tls, Done done)
      : tls{std::move(tls)},
        done{std::move(done)},
        all_{all},
        id_{id},
        socket_{std::move(socket)},
        timer_{all.reactor_, *this}
  {
    timer_.set(all.reactor_.now() + all.timeout_ns_);
    if (all.reactor_.add(socket_.get(), net::Interest::reading, *this))
      timer_.set(0);
    else
      is_listening_ = true;
  }
  ~Handshake() { stop_listening(); }
  Handshake(const Handshake &) = delete;
  Handshake &operator=(const Handshake &) = delete;

  net::FileDescriptor take_socket() { return std::move(socket_); }
  bool has_begun_before(std::uint64_t time) const { return has_begun_ && begun_ < time; }
  // It fails as soon as it can.
  void cancel()
  {
    if (has_begun_)
      g_cancellable_cancel(cancellable.get());
    else
      timer_.set(0);
  }

  const std::shared_ptr<const ServerTls> tls;
  const Done done;
  const glue::Ref<GCancellable> cancellable =
      glue::Ref<GCancellable>::adopt(g_cancellable_new());

 private:
  void stop_listening()
  {
    if (std::exchange(is_listening_, false))
      all_.reactor_.remove(socket_.get(), *this);
  }
  void handle_ready(net::Readiness) override
  {
    stop_listening();
    has_begun_ = true;
    begun_ = all_.reactor_.now();
    all_.begin(id_);
  }
  void handle_time(std::uint64_t) override
  {
    if (has_begun_)
      cancel();
    else
      all_.end(id_, nullptr, "it says nothing");
  }

  Handshakes &all_;
  std::uint64_t id_;
  net::FileDescriptor socket_;
  net::Timer timer_;
  std::uint64_t begun_ = 0;
  bool has_begun_ = false;
  bool is_listening_ = false;
};

Handshakes::Handshakes(net::Reactor &reactor, Workers &workers, std::uint64_t timeout_ns)
    : reactor_{reactor}, workers_{workers}, timeout_ns_{timeout_ns}
{
}

Handshakes::~Handshakes()
{
  cancel_all();
}

void Handshakes::cancel_all()
{
  for (const auto &[id, handshake] : handshakes_)
    handshake->cancel();
}

void Handshakes::start(net::FileDescriptor socket, std::shared_ptr<const ServerTls> tls,
                       Done done)
{
  const auto id = ++last_id_;
  handshakes_.emplace(id, std::make_unique<Handshake>(*this, id, std::move(socket),
                                                      std::move(tls), std::move(done)));
}

void Handshakes::begin(std::uint64_t id)
{
  hurry();
  auto &handshake = *handshakes_.at(id);
  const auto socket = std::make_shared<net::FileDescriptor>(handshake.take_socket());
  workers_.post([this, &reactor = reactor_, id, socket, tls = handshake.tls,
                 cancellable = handshake.cancellable, weak = std::weak_ptr{alive_}] {
    std::string why;
    // A task can be copied, a stream cannot.
    const auto stream = std::make_shared<std::unique_ptr<TlsStream>>(
        tls->shake_hands(std::move(*socket), cancellable.get(), why));
    reactor.post([this, id, stream, why, weak] {
      if (!weak.expired())
        end(id, std::move(*stream), why);
    });
  });
}

// Who takes long must not keep others waiting, when there are many.
void Handshakes::hurry()
{
  constexpr std::size_t many = 16;
  constexpr std::uint64_t long_ns = 1'000'000'000;
  if (handshakes_.size() < many)
    return;
  for (const auto &[id, handshake] : handshakes_)
    if (handshake->has_begun_before(reactor_.now() - long_ns))
      handshake->cancel();
}

void Handshakes::end(std::uint64_t id, std::unique_ptr<TlsStream> stream,
                     const std::string &why)
{
  const auto handshake = std::move(handshakes_.extract(id).mapped());
  handshake->done(std::move(stream), why);
}

}  // namespace kam
