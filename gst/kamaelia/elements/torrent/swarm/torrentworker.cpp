// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/swarm/torrentworker.hpp"

#include "elements/torrent/swarm/torrentengine.hpp"

#include <thread>
#include <utility>

namespace kam::torrent {

namespace {

// Threads that end by themselves when they are told to quit. At its end the process tells those
// that are left, and waits for all; that may last as long as a tracker may take to hear that we
// have gone: a second.
class Leaving {
 public:
  ~Leaving()
  {
    for (const auto &one : threads_)
      one.quit();
    for (auto &one : threads_)
      one.thread.join();
  }

  template <class Work>
  void start(Work work, std::function<void()> quit)
  {
    const std::lock_guard lock{mutex_};
    std::erase_if(threads_, [](One &one) {
      if (!*one.has_ended)
        return false;
      one.thread.join();
      return true;
    });
    auto has_ended = std::make_shared<std::atomic<bool>>(false);
    std::thread thread{[work = std::move(work), has_ended] {
      work();
      *has_ended = true;
    }};
    threads_.push_back({std::move(thread), std::move(has_ended), std::move(quit)});
  }

 private:
  struct One {
    std::thread thread;
    std::shared_ptr<std::atomic<bool>> has_ended;
    std::function<void()> quit;
  };
  std::mutex mutex_;
  std::vector<One> threads_;
};

Leaving &leaving()
{
  static Leaving threads;
  return threads;
}

}  // namespace

std::shared_ptr<TorrentSession::Worker> TorrentSession::Worker::start(
    const SessionSettings &settings)
{
  auto worker = std::make_shared<Worker>();
  leaving().start([worker, settings] { worker->run(settings); },
                  [weak = std::weak_ptr{worker}] {
                    if (const auto alive = weak.lock())
                      alive->quit();
                  });
  return worker;
}

void TorrentSession::Worker::post(Command command)
{
  {
    const std::lock_guard lock{mutex_};
    commands_.push_back(std::move(command));
  }
  wake_.notify_one();
}

void TorrentSession::Worker::poke()
{
  post([](Engine &engine) { engine.plan_soon(); });
}

void TorrentSession::Worker::quit()
{
  {
    const std::lock_guard lock{mutex_};
    is_quitting_ = true;
  }
  wake_.notify_one();
}

void TorrentSession::Worker::notify()
{
  {
    const std::lock_guard lock{mutex_};
    is_notified_ = true;
  }
  wake_.notify_one();
}

bool TorrentSession::Worker::wait(std::chrono::steady_clock::time_point deadline,
                                  std::vector<Command> &commands)
{
  std::unique_lock lock{mutex_};
  wake_.wait_until(lock, deadline,
                   [this] { return is_quitting_ || is_notified_ || !commands_.empty(); });
  commands.clear();
  std::swap(commands, commands_);
  is_notified_ = false;
  return is_quitting_;
}

void TorrentSession::Worker::run(const SessionSettings &settings)
{
  std::vector<Command> commands;
  // libtorrent throws where it cannot begin, and where a handle is of no use any more.
  try {
    Engine engine{settings, [this] { notify(); },
                  [this](std::uint16_t port) { set_listen_port(port); }};
    for (bool quits = false; !quits;) {
      quits = wait(engine.next_work(), commands);
      for (const auto &command : commands)
        command(engine);
      if (!quits)
        engine.work();
    }
  } catch (const std::exception &e) {
    const Failure failure{Failure::Kind::settings, "BitTorrent does not work here.", e.what()};
    do {
      const auto held = *torrents.lock();
      for (const auto &state : held)
        fail(*state, failure);
    } while (!wait(std::chrono::steady_clock::time_point::max(), commands));
  }
}

}  // namespace kam::torrent
