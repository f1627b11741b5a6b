// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/swarm/torrentstore.hpp"

#include "elements/torrent/swarm/torrentsession.hpp"

#include <fcntl.h>
#include <glib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <thread>

namespace kam::torrent {

namespace {

std::string cache_root()
{
  return std::string{g_get_user_cache_dir()} + "/gst-kamaelia/torrents";
}

// Of a file of ours, and not of what somebody put in its place.
ByteVector contents_of_file(const std::string &path, std::size_t largest)
{
  const auto file = net::FileDescriptor::own(
      open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat about {};
  if (!file || fstat(file.get(), &about) != 0 || !S_ISREG(about.st_mode) ||
      about.st_size > static_cast<off_t>(largest))
    return {};
  ByteVector bytes(static_cast<std::size_t>(about.st_size));
  std::size_t got = 0;
  while (got < bytes.size()) {
    const auto n = read(file.get(), bytes.data() + got, bytes.size() - got);
    if (n <= 0)
      return {};
    got += static_cast<std::size_t>(n);
  }
  return bytes;
}

bool write_at(int fd, Bytes bytes, std::size_t offset)
{
  while (!bytes.empty()) {
    const auto n = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n <= 0)
      return false;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::size_t>(n);
  }
  return true;
}

// Names this run of the machine.
std::string boot_id()
{
  std::ifstream file{"/proc/sys/kernel/random/boot_id"};
  std::string id;
  file >> id;
  return id;
}

Journal journal_of(const Contents &contents, const std::string &info_hash,
                   const std::string &save_path)
{
  return Journal{{.boot = boot_id(),
                  .info_hash = info_hash,
                  .save_path = save_path,
                  .piece_count = contents.piece_count}};
}

// Of this process, which no other one has, in a container neither.
std::string owner_name()
{
  static const auto random =
      (std::uint64_t{std::random_device{}()} << 32U) | std::random_device{}();
  std::ostringstream name;
  name << getpid() << '-' << std::hex << random;
  return name.str();
}

bool is_same_file(int fd, const std::string &path)
{
  struct stat a {};
  struct stat b {};
  return fstat(fd, &a) == 0 && lstat(path.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

}  // namespace

std::unique_ptr<TorrentStore> TorrentStore::take(const std::string &info_hash)
{
  std::unique_ptr<TorrentStore> store{new TorrentStore};
  auto &folder = store->folder_;
  folder = cache_root() + '/' + info_hash;
  auto result = Lock::changing_hands;
  constexpr int tries = 50;
  for (int i = 0; i < tries && result == Lock::changing_hands; ++i) {
    if (i > 0)
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    result = store->lock();
  }
  if (result == Lock::held_here)
    return nullptr;
  if (result != Lock::taken) {
    auto own = folder + ".XXXXXX";
    folder = mkdtemp(own.data()) ? own : std::string{};
  }
  return store;
}

TorrentStore::~TorrentStore() = default;

TorrentStore::Lock TorrentStore::lock()
{
  // Its owner may throw it away at any time.
  const auto refused = [] { return errno == ENOENT ? Lock::changing_hands : Lock::refused; };
  if (g_mkdir_with_parents(folder_.c_str(), 0700) != 0)
    return refused();
  const auto path = folder_ + "/lock";
  auto file = net::FileDescriptor::own(
      open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file)
    return refused();
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      return Lock::refused;
    // Who has just taken it has not told who it is.
    const auto owner = contents_of_file(path, 64);
    if (owner.empty())
      return Lock::changing_hands;
    return as_text(owner) == owner_name() ? Lock::held_here : Lock::refused;
  }
  if (!is_same_file(file.get(), path))
    return Lock::changing_hands;
  if (ftruncate(file.get(), 0) != 0 || !write_at(file.get(), as_bytes(owner_name()), 0))
    return Lock::refused;
  lock_ = std::move(file);
  return Lock::taken;
}

ByteVector TorrentStore::metainfo() const
{
  if (folder_.empty())
    return {};
  return contents_of_file(folder_ + "/metainfo.torrent", TorrentSpec::largest_metainfo);
}

void TorrentStore::keep_metainfo(Bytes metainfo)
{
  if (folder_.empty())
    return;
  const auto text = as_text(metainfo);
  // It is there whole or not at all; if it cannot be, it is asked for again the next time.
  g_file_set_contents_full((folder_ + "/metainfo.torrent").c_str(), text.data(),
                           static_cast<gssize>(text.size()), G_FILE_SET_CONTENTS_CONSISTENT,
                           0600, nullptr);
}

std::optional<std::vector<bool>> TorrentStore::noted(const Contents &contents,
                                                     const std::string &info_hash,
                                                     const std::string &save_path) const
{
  if (folder_.empty())
    return std::nullopt;
  constexpr auto largest = std::size_t{Journal::most_pieces} * 4 + 8192;
  return journal_of(contents, info_hash, save_path)
      .read(contents_of_file(folder_ + "/journal", largest));
}

void TorrentStore::begin_notes(const Contents &contents, const std::string &info_hash,
                               const std::string &save_path, const std::vector<bool> &have)
{
  if (folder_.empty())
    return;
  journal_ = journal_of(contents, info_hash, save_path);
  auto file = journal_->blank();
  for (std::uint32_t piece = 0; piece < have.size(); ++piece)
    if (have[piece])
      std::ranges::copy(
          journal_->mark_bytes(piece),
          file.begin() + static_cast<std::ptrdiff_t>(journal_->mark_offset(piece)));
  const auto path = folder_ + "/journal";
  const auto text = as_text(file);
  // The old one stays until there is a new one, so that there is always one to believe.
  if (g_file_set_contents_full(path.c_str(), text.data(), static_cast<gssize>(text.size()),
                               G_FILE_SET_CONTENTS_CONSISTENT, 0600, nullptr))
    journal_file_ =
        net::FileDescriptor::own(open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW));
}

void TorrentStore::note(std::uint32_t piece)
{
  // A note that is lost costs the piece being downloaded again, and nothing else.
  if (journal_file_)
    write_at(journal_file_.get(), journal_->mark_bytes(piece), journal_->mark_offset(piece));
}

void TorrentStore::end_notes(std::vector<std::string> files)
{
  // Nobody finds again what stood in for a folder that another process had; what was downloaded
  // into it stays.
  if (std::error_code ignored; !lock_ && !std::filesystem::exists(data_folder(), ignored)) {
    discard();
    return;
  }
  if (!journal_file_)
    return;
  // Only system calls: it may be cut off at the end of the process.
  std::thread{[journal = std::move(journal_file_), files = std::move(files)] {
    for (const auto &path : files) {
      const auto file = net::FileDescriptor::own(
          open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
      if (!file || fdatasync(file.get()) != 0)
        return;
    }
    constexpr std::byte closed{1};
    if (fdatasync(journal.get()) == 0)
      write_at(journal.get(), {&closed, 1}, Journal::closed_offset);
  }}.detach();
}

void TorrentStore::discard()
{
  journal_file_ = {};
  std::error_code ignored;
  // Out of the way at once: whoever holds it next may begin while it is emptied.
  if (auto doomed = folder_ + ".XXXXXX"; !folder_.empty() && mkdtemp(doomed.data())) {
    std::filesystem::rename(folder_, doomed, ignored);
    std::filesystem::remove_all(doomed, ignored);
  }
  folder_.clear();
  lock_ = {};
}

}  // namespace kam::torrent
