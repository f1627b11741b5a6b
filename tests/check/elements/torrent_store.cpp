// SPDX-License-Identifier: LGPL-2.1-or-later
// Who has a torrent's folder in the user's cache, and who waits for it.
#include "elements/torrent/swarm/torrentsession.hpp"
#include "elements/torrent/swarm/torrentstore.hpp"
#include "support/check_main.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <variant>

#include <check.h>  // last: it defines a macro called fail
#undef fail

using namespace kam;
using namespace kam::torrent;

namespace {

constexpr std::chrono::seconds patience{20};

// Of a file that nobody has, called so.
TorrentSpec spec_of(const std::string &name)
{
  const auto metainfo = "d4:infod6:lengthi5e4:name" + std::to_string(name.size()) + ":" + name +
                        "12:piece lengthi16384e6:pieces20:" + std::string(20, 'x') + "ee";
  return std::get<TorrentSpec>(TorrentSpec::from_metainfo(as_bytes(metainfo)));
}

std::shared_ptr<TorrentSession> lonely_session()
{
  SessionSettings settings;
  settings.listen_interfaces = "127.0.0.1:0";
  settings.dht = settings.lsd = settings.upnp = settings.natpmp = settings.pex = false;
  return std::make_shared<TorrentSession>(settings);
}

Wait wait_for(TorrentLease &lease, std::chrono::milliseconds time)
{
  return lease.wait_for_contents(TorrentLease::Clock::now() + time);
}

}  // namespace

START_TEST(nobody_takes_it_before_it_is_put_away)
{
  const std::string hash(40, 'a');
  auto first = TorrentStore::take(hash);
  ck_assert(first);
  const auto folder = first->data_folder();
  first->keep_metainfo(as_bytes("what it left"));
  ck_assert(!TorrentStore::take(hash));
  ck_assert(TorrentStore::take(std::string(40, 'b')));
  first.reset();
  auto second = TorrentStore::take(hash);
  ck_assert(second);
  ck_assert(second->data_folder() == folder);
  ck_assert(as_text(second->metainfo()) == "what it left");
  second->discard();
  second.reset();
  ck_assert(TorrentStore::take(hash)->metainfo().empty());
}
END_TEST

// However long that takes, and no other torrent waits with it.
START_TEST(a_session_waits_for_what_another_one_puts_away)
{
  TorrentOptions options;
  options.keep_files = true;
  const auto before = lonely_session();
  const auto earlier = before->hold(spec_of("a"), options);
  ck_assert(wait_for(*earlier, patience) == Wait::ready);
  const auto session = lonely_session();
  const auto held = session->hold(spec_of("a"), options);
  const auto given_up = session->hold(spec_of("a"), options);
  ck_assert(held->add_peer("127.0.0.1:1"));
  held->set_limits({.upload = 1000});
  const auto other = session->hold(spec_of("b"), options);
  ck_assert(wait_for(*other, patience) == Wait::ready);
  ck_assert(wait_for(*held, std::chrono::milliseconds{100}) == Wait::timed_out);
  ck_assert(held->status().state == TorrentStatus::State::starting);
  given_up->release();
  earlier->release();
  ck_assert(wait_for(*held, patience) == Wait::ready);
  ck_assert(held->save_path() == earlier->save_path());
}
END_TEST

START_TEST(what_never_began_can_be_let_go)
{
  const auto before = lonely_session();
  const auto earlier = before->hold(spec_of("a"), {});
  ck_assert(wait_for(*earlier, patience) == Wait::ready);
  const auto session = lonely_session();
  session->hold(spec_of("a"), {})->release();
  const auto held = session->hold(spec_of("a"), {});
  ck_assert(wait_for(*held, std::chrono::milliseconds{100}) == Wait::timed_out);
  ck_assert(!earlier->failure());
}
END_TEST

CHECK_MAIN("torrent_store", nobody_takes_it_before_it_is_put_away,
           a_session_waits_for_what_another_one_puts_away, what_never_began_can_be_let_go)
