// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/swarm/torrentfile.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace kam::torrent {

namespace {

net::FileDescriptor open_beneath(int folder, const std::string &path, int access)
{
  const auto flags = access | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  const auto fd = syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how);
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
    return net::FileDescriptor::own(static_cast<int>(fd));
  // A sandbox may not know of it. libtorrent has taken all that leads out of the path.
  return net::FileDescriptor::own(openat(folder, path.c_str(), flags));
}

}  // namespace

std::optional<TorrentFile> TorrentFile::open(const std::string &folder, const std::string &path)
{
  return open(folder, path, O_RDONLY);
}

std::optional<TorrentFile> TorrentFile::open_to_write(const std::string &folder,
                                                      const std::string &path)
{
  return open(folder, path, O_RDWR);
}

std::optional<TorrentFile> TorrentFile::open(const std::string &folder, const std::string &path,
                                             int access)
{
  const auto directory =
      net::FileDescriptor::own(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory)
    return std::nullopt;
  auto file = open_beneath(directory.get(), path, access);
  struct stat about {};
  if (!file || fstat(file.get(), &about) != 0)
    return std::nullopt;
  if (!S_ISREG(about.st_mode)) {
    errno = EINVAL;
    return std::nullopt;
  }
  return TorrentFile{std::move(file)};
}

std::int64_t TorrentFile::size() const
{
  struct stat about {};
  return fstat(file_.get(), &about) == 0 ? about.st_size : -1;
}

bool TorrentFile::is_deleted() const
{
  struct stat about {};
  return fstat(file_.get(), &about) == 0 && about.st_nlink == 0;
}

bool TorrentFile::write(Bytes from, std::uint64_t offset) const
{
  while (!from.empty()) {
    const auto put = pwrite(file_.get(), from.data(), from.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR)
      continue;
    if (put <= 0)
      return false;
    from = from.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return true;
}

bool TorrentFile::read(MutableBytes to, std::uint64_t offset) const
{
  while (!to.empty()) {
    const auto got = pread(file_.get(), to.data(), to.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0) {
      if (got == 0)
        errno = ENODATA;
      return false;
    }
    to = to.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return true;
}

}  // namespace kam::torrent
