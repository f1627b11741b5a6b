// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/swarm/torrentengine.hpp"

#include "elements/torrent/swarm/heldtorrent.hpp"
#include "elements/torrent/swarm/peerrequests.hpp"
#include "elements/torrent/swarm/peersockets.hpp"
#include "elements/torrent/swarm/torrentdisk.hpp"
#include "elements/torrent/swarm/torrentreports.hpp"
#include "elements/torrent/swarm/torrentsettings.hpp"
#include "elements/torrent/swarm/torrentspec.hpp"

#include <libtorrent/alert_types.hpp>
#include <libtorrent/session.hpp>
#include <libtorrent/torrent_flags.hpp>
#include <libtorrent/torrent_handle.hpp>
#include <libtorrent/torrent_status.hpp>

#include <algorithm>
#include <filesystem>
#include <tuple>
#include <utility>

namespace kam::torrent {

namespace {

using Clock = std::chrono::steady_clock;
using Event = TorrentLease::Event;

// How often readers that wait are looked at, and how often there is a new status.
constexpr std::chrono::milliseconds plan_interval{100};
constexpr std::chrono::seconds status_interval{1};
// How often a torrent that has yet to begin looks whether it can.
constexpr std::chrono::milliseconds begin_interval{20};
// How long peers may be known and none of them connected before uTP is tried.
constexpr std::chrono::seconds utp_after{5};

std::string path_in(const std::string &folder, const File &file)
{
  return folder + '/' + file.path;
}

bool handle_error(HeldTorrent &torrent, const lt::alert &alert)
{
  if (const auto *file = lt::alert_cast<lt::file_error_alert>(&alert)) {
    // A peer has asked for a piece that is not what was noted.
    if (file->error == lt::errors::failed_hash_check)
      return true;
    torrent.is_mending = can_mend(torrent, file->error, file->op);
    if (!torrent.is_mending)
      fail(*torrent.state, failure_of(file->error, file->op, file->filename()));
  } else if (const auto *error = lt::alert_cast<lt::torrent_error_alert>(&alert)) {
    if (torrent.is_mending)
      mend(torrent);
    else
      fail(*torrent.state,
           failure_of(error->error, lt::operation_t::unknown, error->filename()));
  } else if (const auto *tracker = lt::alert_cast<lt::tracker_error_alert>(&alert)) {
    torrent.state->shared.lock()->status.tracker_error =
        std::string{tracker->tracker_url()} + ": " + tracker->failure_reason();
  } else {
    return false;
  }
  return true;
}

}  // namespace

struct Engine::Session {
  Session(SessionSettings wanted, const std::function<void()> &notify,
          std::function<void(std::uint16_t)> port)
      : settings{std::move(wanted)}, has_port{std::move(port)}
  {
    lt::session_params params{settings_pack_of(settings)};
    // libtorrent's own replaces the process's handler of SIGBUS, and tells of pieces before
    // they can be read.
    params.disk_io_constructor = disk_io(states);
    libtorrent.emplace(params);
    libtorrent->set_alert_notify(notify);
  }

  HeldTorrent *find(const TorrentState &state);
  HeldTorrent *find(const lt::torrent_handle &handle);

  // Unless who held it before is putting it away still; then it is to be tried again.
  void try_to_begin(HeldTorrent &torrent);
  void begin(HeldTorrent &torrent);
  // Does it now, or as soon as the torrent has begun.
  void once_begun(const TorrentState &state, std::function<void(HeldTorrent &)> work);
  void put_away(HeldTorrent &torrent);

  void handle_alerts();
  void handle(lt::alert &alert, std::vector<TorrentState *> &changed);
  bool handle_torrent(lt::alert &alert, std::vector<TorrentState *> &changed);
  void handle_peer(HeldTorrent &torrent, const lt::alert &alert);
  void handle_status(const lt::state_update_alert &alert);
  void look_for_company(HeldTorrent &torrent, const TorrentStatus &status);

  SessionSettings settings;
  std::function<void(std::uint16_t)> has_port;
  const std::shared_ptr<glue::Guarded<StatesByHash>> states =
      std::make_shared<glue::Guarded<StatesByHash>>();
  std::optional<lt::session> libtorrent;
  std::vector<std::unique_ptr<HeldTorrent>> torrents;
  Clock::time_point next_begin = Clock::time_point::max();
  Clock::time_point next_plan = Clock::time_point::max();
  Clock::time_point next_status = Clock::time_point::max();
  bool has_utp = false;
};

HeldTorrent *Engine::Session::find(const TorrentState &state)
{
  const auto found = std::ranges::find_if(
      torrents, [&](const auto &torrent) { return torrent->state.get() == &state; });
  return found == torrents.end() ? nullptr : found->get();
}

HeldTorrent *Engine::Session::find(const lt::torrent_handle &handle)
{
  const auto found = std::ranges::find_if(torrents, [&](const auto &torrent) {
    return torrent->handle.is_valid() && torrent->handle == handle;
  });
  return found == torrents.end() ? nullptr : found->get();
}

// --- torrents come and go -----------------------------------------------------------------

void Engine::Session::try_to_begin(HeldTorrent &torrent)
{
  torrent.store = TorrentStore::take(torrent.spec.info_hash());
  if (!torrent.store) {
    next_begin = Clock::now() + begin_interval;
    return;
  }
  begin(torrent);
  for (const auto &work : std::exchange(torrent.to_do, {}))
    if (torrent.handle.is_valid())
      work(torrent);
}

void Engine::Session::once_begun(const TorrentState &state,
                                 std::function<void(HeldTorrent &)> work)
{
  auto *torrent = find(state);
  if (torrent && !torrent->store)
    torrent->to_do.push_back(std::move(work));
  else if (torrent && torrent->handle.is_valid())
    work(*torrent);
}

void Engine::Session::begin(HeldTorrent &torrent)
{
  const auto &spec = torrent.spec;
  auto params = spec.parsed().params;
  // A magnet's metadata may be known from another time. Only if it is what the magnet means.
  if (!params.ti && torrent.options.resume) {
    auto known = TorrentSpec::from_metainfo(torrent.store->metainfo());
    if (auto *before = std::get_if<TorrentSpec>(&known);
        before && before->info_hash() == spec.info_hash())
      params.ti = before->parsed().params.ti;
  }
  params.save_path = torrent.options.save_path.empty()
                         ? torrent.store->data_folder()
                         : std::filesystem::absolute(torrent.options.save_path).string();
  {
    auto shared = torrent.state->shared.lock();
    shared->save_path = params.save_path;
    shared->metainfo = spec.parsed().metainfo;
  }
  std::error_code ec;
  std::filesystem::create_directories(params.save_path, ec);
  if (params.save_path.empty() || ec) {
    fail(*torrent.state, {Failure::Kind::open_write, "There is no folder for the torrent.",
                          params.save_path + ": " + ec.message()});
    return;
  }
  // Who seeds what it made keeps it anyway.
  if (!torrent.options.save_path.empty() && !torrent.options.seed) {
    torrent.claim.emplace(params.save_path, spec.info_hash());
    if (torrent.options.keep_files)
      torrent.claim->keep();
  }
  torrent.names_before = names_in(params.save_path);
  for (const auto &peer : params.peers)
    remember_peer(torrent, peer);
  if (params.ti) {
    take_contents(torrent, params.ti);
    // libtorrent 2.0.8 often gets one piece, and no more, of one of version 2 alone that is
    // stopped so; nobody has found out why.
    torrent.stops_when_checked = params.ti->info_hashes().has_v1();
    // libtorrent changes its own.
    params.ti = std::make_shared<lt::torrent_info>(*params.ti);
    look_for_files(torrent);
    believe_notes(torrent, params);
    states->lock()->insert_or_assign(params.ti->info_hashes().get_best(), torrent.state);
    const auto contents = torrent.state->shared.lock()->contents;
    if (const auto file = torrent.options.file; file && *file < contents->files.size()) {
      torrent.files.assign(static_cast<std::size_t>(params.ti->num_files()), lt::dont_download);
      torrent.files[static_cast<std::size_t>(contents->files[*file].index)] =
          lt::default_priority;
      params.file_priorities = torrent.files;
    }
  }
  params.flags = lt::torrent_flags::update_subscribe | lt::torrent_flags::apply_ip_filter |
                 lt::torrent_flags::sequential_download;
  if (torrent.options.seed)
    params.flags |= lt::torrent_flags::seed_mode;
  else if (torrent.stops_when_checked)
    params.flags |= lt::torrent_flags::stop_when_ready;
  if (!settings.pex)
    params.flags |= lt::torrent_flags::disable_pex;
  // Who goes on calls peers at once, and who begins when the session's next second does.
  const bool goes_on = !torrent.stops_when_checked;
  if (goes_on)
    params.flags |= lt::torrent_flags::paused;
  ask_little(params);
  make_prompt(params, libtorrent->get_context());
  lt::error_code error;
  torrent.handle = libtorrent->add_torrent(std::move(params), error);
  if (error)
    fail(*torrent.state,
         {Failure::Kind::format, "The torrent cannot be used.", error.message()});
  else if (torrent.picker)
    tell(*torrent.state, Event::metadata);
  if (goes_on && !error)
    torrent.handle.resume();
}

void Engine::Session::put_away(HeldTorrent &torrent)
{
  if (!torrent.store)
    return;
  std::shared_ptr<const Contents> contents;
  std::string save_path;
  bool keeps = false;
  {
    auto shared = torrent.state->shared.lock();
    contents = shared->contents;
    save_path = shared->save_path;
    keeps = shared->keep_files;
  }
  keeps |= torrent.had_files || torrent.options.seed;
  if (keeps && torrent.claim)
    torrent.claim->keep();
  // If another process has them it decides, or the one after it.
  const bool is_to_delete = !torrent.claim || torrent.claim->release();
  std::erase_if(*states->lock(), [](const auto &one) { return one.second.expired(); });
  if (torrent.handle.is_valid())
    libtorrent->remove_torrent(torrent.handle, !keeps && is_to_delete
                                                   ? lt::session::delete_files
                                                   : lt::remove_flags_t{});
  if (!keeps) {
    // Whoever holds it next has the same folder, and libtorrent may not delete anything there
    // any more: it has, when it answers.
    std::ignore = libtorrent->get_torrents();
    torrent.store->discard();
    return;
  }
  std::vector<std::string> files;
  if (contents && torrent.is_checked)
    for (const auto &file : contents->files)
      if (const auto index = static_cast<std::size_t>(file.index);
          file.size > 0 && !file.is_link &&
          (index >= torrent.files.size() || torrent.files[index] != lt::dont_download))
        files.push_back(path_in(save_path, file));
  torrent.store->end_notes(std::move(files));
}

// --- news ---------------------------------------------------------------------------------

bool Engine::Session::handle_torrent(lt::alert &alert, std::vector<TorrentState *> &changed)
{
  auto *of_torrent = dynamic_cast<lt::torrent_alert *>(&alert);
  if (!of_torrent)
    return false;
  auto *torrent = find(of_torrent->handle);
  if (!torrent)
    return true;
  if (const auto *piece = lt::alert_cast<lt::piece_finished_alert>(&alert)) {
    const auto index = static_cast<std::uint32_t>(int(piece->piece_index));
    note_piece(*torrent, index);
    if (torrent->picker && torrent->picker->is_awaited(index))
      next_plan = Clock::now();
    changed.push_back(torrent->state.get());
  } else if (lt::alert_cast<lt::metadata_received_alert>(&alert)) {
    handle_metadata(*torrent);
  } else if (lt::alert_cast<lt::torrent_checked_alert>(&alert)) {
    handle_checked(*torrent);
    plan(*torrent);
    // libtorrent hangs up before it looks.
    if (torrent->checks_again > 0)
      call_peers_back(*torrent);
    // Peers are called at once when it goes on, and else when the session's next second begins.
    if (torrent->stops_when_checked)
      torrent->handle.resume();
    next_status = Clock::now();
    changed.push_back(torrent->state.get());
  } else if (lt::alert_cast<lt::file_prio_alert>(&alert)) {
    torrent->is_waiting_for_files = false;
    if (torrent->picker)
      torrent->picker->forget_orders();
    plan(*torrent);
  } else if (lt::alert_cast<lt::torrent_finished_alert>(&alert)) {
    torrent->may_have_sent_peers_away = true;
    next_status = Clock::now();
    if (torrent->is_checked)
      tell(*torrent->state, Event::finished);
  } else if (!handle_error(*torrent, alert)) {
    handle_peer(*torrent, alert);
  }
  return true;
}

void Engine::Session::handle_peer(HeldTorrent &torrent, const lt::alert &alert)
{
  if (const auto *called = lt::alert_cast<lt::peer_connect_alert>(&alert)) {
    if (called->direction == lt::peer_connect_alert::direction_t::out)
      remember_peer(torrent, called->endpoint);
    // Who waits to hear that there is somebody need not wait for the second.
    if (torrent.state->shared.lock()->status.peers == 0)
      next_status = Clock::now();
  } else if (lt::alert_cast<lt::peer_disconnected_alert>(&alert)) {
    if (torrent.may_have_sent_peers_away)
      next_status = Clock::now();
  }
}

void Engine::Session::look_for_company(HeldTorrent &torrent, const TorrentStatus &status)
{
  if (torrent.may_have_sent_peers_away && status.peers == 0 &&
      status.state == TorrentStatus::State::downloading) {
    // Who is called before that hangs up as well.
    torrent.may_have_sent_peers_away = false;
    call_peers_back(torrent);
  }
  const bool is_lonely = status.known_peers > 0 && status.peers == 0 &&
                         status.state != TorrentStatus::State::seeding;
  if (!is_lonely)
    torrent.lonely_since.reset();
  else if (!torrent.lonely_since)
    torrent.lonely_since = Clock::now();
  else if (!has_utp && settings.utp == Utp::automatic &&
           Clock::now() - *torrent.lonely_since > utp_after) {
    // Behind two routers at once only uTP gets through.
    has_utp = true;
    libtorrent->apply_settings(utp_pack(true));
  }
}

void Engine::Session::handle_status(const lt::state_update_alert &alert)
{
  for (const auto &news : alert.status) {
    auto *torrent = find(news.handle);
    if (!torrent)
      continue;
    auto status = status_of(news);
    {
      auto shared = torrent->state->shared.lock();
      status.tracker_error = shared->status.tracker_error;
      if (shared->failure)
        status.state = TorrentStatus::State::failed;
      shared->status = status;
    }
    look_for_company(*torrent, status);
  }
  for (const auto &torrent : torrents)
    tell(*torrent->state, Event::status);
}

void Engine::Session::handle(lt::alert &alert, std::vector<TorrentState *> &changed)
{
  if (handle_torrent(alert, changed))
    return;
  if (const auto *update = lt::alert_cast<lt::state_update_alert>(&alert)) {
    handle_status(*update);
  } else if (lt::alert_cast<lt::alerts_dropped_alert>(&alert)) {
    for (const auto &torrent : torrents) {
      resynchronise(*torrent);
      torrent->is_waiting_for_files = false;
      if (torrent->picker)
        torrent->picker->forget_orders();
      changed.push_back(torrent->state.get());
    }
  } else if (const auto *listening = lt::alert_cast<lt::listen_succeeded_alert>(&alert)) {
    if (listening->socket_type == lt::socket_type_t::tcp)
      has_port(static_cast<std::uint16_t>(listening->port));
  }
}

void Engine::Session::handle_alerts()
{
  std::vector<lt::alert *> alerts;
  libtorrent->pop_alerts(&alerts);
  std::vector<TorrentState *> changed;
  for (auto *alert : alerts)
    handle(*alert, changed);
  std::ranges::sort(changed);
  changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
  for (auto *state : changed)
    state->changed.notify_all();
}

// --- from outside -------------------------------------------------------------------------

Engine::Engine(const SessionSettings &settings, const std::function<void()> &notify,
               std::function<void(std::uint16_t)> has_port)
    : session_{std::make_unique<Session>(settings, notify, std::move(has_port))}
{
}

Engine::~Engine()
{
  session_->libtorrent->set_alert_notify([] {});
  for (const auto &torrent : session_->torrents)
    session_->put_away(*torrent);
  // The proxy's destructor waits for trackers to hear that we go.
  const auto proxy = session_->libtorrent->abort();
  session_.reset();
}

void Engine::add(const std::shared_ptr<TorrentState> &state, const TorrentSpec &spec,
                 const TorrentOptions &options)
{
  session_->torrents.push_back(std::make_unique<HeldTorrent>(state, spec, options));
  session_->try_to_begin(*session_->torrents.back());
  session_->next_plan = session_->next_status = Clock::now();
}

void Engine::join(const std::shared_ptr<TorrentState> &state, const TorrentSpec &spec)
{
  session_->once_begun(*state, [spec](HeldTorrent &torrent) {
    const auto &params = spec.parsed().params;
    for (const auto &peer : params.peers) {
      remember_peer(torrent, peer);
      torrent.handle.connect_peer(peer);
    }
    for (const auto &tracker : params.trackers)
      torrent.handle.add_tracker(lt::announce_entry{tracker});
    for (const auto &seed : params.url_seeds)
      torrent.handle.add_url_seed(seed);
    if (params.ti && !torrent.picker)
      torrent.handle.set_metadata(params.ti->info_section());
  });
}

void Engine::remove(const std::shared_ptr<TorrentState> &state)
{
  auto *torrent = session_->find(*state);
  if (!torrent)
    return;
  session_->put_away(*torrent);
  std::erase_if(session_->torrents,
                [torrent](const auto &one) { return one.get() == torrent; });
}

void Engine::set_limits(TorrentState &state, const TorrentLimits &limits)
{
  session_->once_begun(state, [limits](HeldTorrent &torrent) {
    torrent.handle.set_download_limit(static_cast<int>(limits.download));
    torrent.handle.set_upload_limit(static_cast<int>(limits.upload));
    // Fewer than two are none at all to libtorrent.
    torrent.handle.set_max_connections(
        limits.connections == 0 ? -1 : std::max(2, static_cast<int>(limits.connections)));
  });
}

void Engine::add_peer(TorrentState &state, const std::string &address)
{
  const auto endpoint = endpoint_in(address);
  if (!endpoint)
    return;
  session_->once_begun(state, [endpoint](HeldTorrent &torrent) {
    remember_peer(torrent, *endpoint);
    torrent.handle.connect_peer(*endpoint);
  });
}

void Engine::reannounce(TorrentState &state)
{
  session_->once_begun(state, [](HeldTorrent &torrent) {
    torrent.handle.force_reannounce();
    torrent.handle.force_dht_announce();
  });
}

void Engine::plan_soon()
{
  session_->next_plan = Clock::now();
}

void Engine::work()
{
  session_->handle_alerts();
  const auto now = Clock::now();
  if (session_->torrents.empty()) {
    session_->next_begin = session_->next_plan = session_->next_status =
        Clock::time_point::max();
    return;
  }
  if (now >= session_->next_begin) {
    session_->next_begin = Clock::time_point::max();
    for (const auto &torrent : session_->torrents)
      if (!torrent->store)
        session_->try_to_begin(*torrent);
  }
  if (now >= session_->next_status) {
    session_->next_status = now + status_interval;
    session_->libtorrent->post_torrent_updates();
  }
  if (now >= session_->next_plan) {
    session_->next_plan = now + plan_interval;
    for (const auto &torrent : session_->torrents)
      plan(*torrent);
  }
}

std::chrono::steady_clock::time_point Engine::next_work() const
{
  return std::min({session_->next_begin, session_->next_plan, session_->next_status});
}

}  // namespace kam::torrent
