// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/torrent_seed.hpp"

#include "support/random.hpp"

#include <libtorrent/add_torrent_params.hpp>
#include <libtorrent/alert_types.hpp>
#include <libtorrent/bencode.hpp>
#include <libtorrent/create_torrent.hpp>
#include <libtorrent/magnet_uri.hpp>
#include <libtorrent/peer_class.hpp>
#include <libtorrent/session.hpp>
#include <libtorrent/torrent_flags.hpp>
#include <libtorrent/torrent_info.hpp>
#include <libtorrent/torrent_status.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <utility>

namespace kam::test {

TemporaryFolder::TemporaryFolder()
{
  auto name = (std::filesystem::temp_directory_path() / "kamaelia-test.XXXXXX").string();
  if (!mkdtemp(name.data()))
    throw std::runtime_error{"mkdtemp: " + name};
  path_ = name;
}

TemporaryFolder::~TemporaryFolder()
{
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

namespace {

lt::session_params session_settings(const SeedOptions &options)
{
  using Pack = lt::settings_pack;
  Pack pack;
  for (const auto off : {Pack::enable_dht, Pack::enable_lsd, Pack::enable_upnp,
                         Pack::enable_natpmp, Pack::enable_outgoing_utp})
    pack.set_bool(off, false);
  pack.set_int(Pack::tick_interval, 100);
  pack.set_bool(Pack::allow_multiple_connections_per_ip, true);
  pack.set_str(Pack::listen_interfaces, options.listen);
  pack.set_int(Pack::alert_mask, int(static_cast<std::uint32_t>(lt::alert_category::connect |
                                                                lt::alert_category::status |
                                                                lt::alert_category::error)));
  // Whom it hung up on has to call it.
  pack.set_bool(Pack::seeding_outgoing_connections, false);
  // Else it would notice.
  pack.set_bool(Pack::disable_hash_checks, options.lies);
  if (options.forces_encryption) {
    pack.set_int(Pack::in_enc_policy, Pack::pe_forced);
    pack.set_int(Pack::out_enc_policy, Pack::pe_forced);
    pack.set_int(Pack::allowed_enc_level, Pack::pe_rc4);
  }
  return pack;
}

}  // namespace

struct TorrentSeed::Peer {
  explicit Peer(const SeedOptions &options) : session{session_settings(options)} {}

  // Peers on this machine are of a class of their own, which has its own limit.
  void limit(int bytes_a_second)
  {
    auto local = session.get_peer_class(lt::session::local_peer_class_id);
    local.upload_limit = bytes_a_second;
    session.set_peer_class(lt::session::local_peer_class_id, local);
  }

  lt::session session;
  lt::torrent_handle handle;
};

namespace {

void write_file(const std::filesystem::path &path, Bytes bytes)
{
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file{path, std::ios::binary};
  const auto text = as_text(bytes);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
}

ByteVector make_metainfo(const SeedOptions &options, const std::filesystem::path &folder)
{
  lt::file_storage files;
  for (const auto &file : options.files)
    files.add_file(options.files.size() == 1 ? file.path : options.name + '/' + file.path,
                   static_cast<std::int64_t>(file.size));
  lt::create_flags_t flags{};
  if (options.format == TorrentFormat::v1)
    flags = lt::create_torrent::v1_only;
  if (options.format == TorrentFormat::v2)
    flags = lt::create_torrent::v2_only;
  lt::create_torrent torrent{files, options.piece_length, flags};
  torrent.set_priv(options.is_private);
  for (const auto &tracker : options.trackers)
    torrent.add_tracker(tracker);
  for (const auto &seed : options.web_seeds)
    torrent.add_url_seed(seed);
  lt::set_piece_hashes(torrent, folder.string());
  std::vector<char> bytes;
  lt::bencode(std::back_inserter(bytes), torrent.generate());
  const auto view = as_bytes({bytes.data(), bytes.size()});
  return {view.begin(), view.end()};
}

std::shared_ptr<lt::torrent_info> info_of(const ByteVector &metainfo)
{
  const auto text = as_text(metainfo);
  return std::make_shared<lt::torrent_info>(
      lt::span<const char>{text.data(), static_cast<std::ptrdiff_t>(text.size())},
      lt::from_span);
}

std::string address_of(lt::session &session, const std::string &host)
{
  while (session.listen_port() == 0)
    session.wait_for_alert(lt::milliseconds{20});
  return host + ':' + std::to_string(session.listen_port());
}

}  // namespace

TorrentSeed::TorrentSeed(const SeedOptions &options)
{
  Random random{options.random_seed};
  const bool is_folder = options.files.size() > 1;
  const auto path_of = [&](const SeedOptions::FileSpec &file) {
    return folder_.path() / (is_folder ? options.name : ".") / file.path;
  };
  for (const auto &file : options.files) {
    contents_.push_back(random.bytes(file.size));
    std::ranges::copy(as_bytes(file.head), contents_.back().begin());
    write_file(path_of(file), contents_.back());
  }
  metainfo_ = make_metainfo(options, folder_.path());
  write_file(torrent_file(), metainfo_);
  if (options.lies)
    for (const auto &file : options.files)
      write_file(path_of(file), Random{options.random_seed + 1000}.bytes(file.size));

  peer_ = std::make_unique<Peer>(options);
  lt::add_torrent_params params;
  params.ti = info_of(metainfo_);
  magnet_ = lt::make_magnet_uri(*params.ti);
  params.save_path = folder_.path().string();
  params.flags = lt::torrent_flags::seed_mode | lt::torrent_flags::update_subscribe;
  peer_->handle = peer_->session.add_torrent(std::move(params));
  if (options.upload_limit > 0)
    peer_->limit(options.upload_limit);
  address_ = address_of(peer_->session, options.listen.substr(0, options.listen.rfind(':')));
}

TorrentSeed::~TorrentSeed() = default;

std::string TorrentSeed::magnet() const
{
  return magnet_ + "&x.pe=" + address_;
}

void TorrentSeed::pause()
{
  peer_->session.pause();
}

void TorrentSeed::resume()
{
  peer_->session.resume();
}

void TorrentSeed::hang_up()
{
  pause();
  while (peer_->handle.status({}).num_peers > 0)
    peer_->session.wait_for_alert(lt::milliseconds{20});
  resume();
}

void TorrentSeed::wait_until_it_hangs_up()
{
  for (;;) {
    peer_->session.wait_for_alert(lt::milliseconds{1000});
    std::vector<lt::alert *> alerts;
    peer_->session.pop_alerts(&alerts);
    for (const auto *alert : alerts)
      if (const auto *end = lt::alert_cast<lt::peer_disconnected_alert>(alert);
          end && end->error == lt::errors::upload_upload_connection)
        return;
  }
}

std::int64_t TorrentSeed::uploaded() const
{
  return peer_->handle.status({}).total_payload_upload;
}

struct TorrentLeech::Peer {
  lt::session session{session_settings({})};
  lt::torrent_handle handle;
};

TorrentLeech::TorrentLeech(const ByteVector &metainfo) : peer_{std::make_unique<Peer>()}
{
  lt::add_torrent_params params;
  params.ti = info_of(metainfo);
  params.save_path = folder_.path().string();
  params.flags = lt::torrent_flags::disable_pex;
  peer_->handle = peer_->session.add_torrent(std::move(params));
  address_ = address_of(peer_->session, "127.0.0.1");
}

TorrentLeech::~TorrentLeech() = default;

std::size_t TorrentLeech::pieces() const
{
  return static_cast<std::size_t>(peer_->handle.status({}).num_pieces);
}

std::int64_t TorrentLeech::failed() const
{
  return peer_->handle.status({}).total_failed_bytes;
}

}  // namespace kam::test
