// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/torrentfile.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace kam::torrent {

namespace {

net::FileDescriptor open_beneath(int folder, const std::string &path)
{
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  const auto fd = syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how);
  if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
    return net::FileDescriptor::own(static_cast<int>(fd));
  // A sandbox may not know of it. libtorrent has taken all that leads out of the path.
  return net::FileDescriptor::own(
      openat(folder, path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
}

}  // namespace

std::optional<TorrentFile> TorrentFile::open(const std::string &folder, const std::string &path)
{
  const auto directory =
      net::FileDescriptor::own(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory)
    return std::nullopt;
  auto file = open_beneath(directory.get(), path);
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
