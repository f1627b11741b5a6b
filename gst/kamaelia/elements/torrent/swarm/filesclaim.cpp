// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/swarm/filesclaim.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <tuple>

namespace kam::torrent {

namespace {

bool is_at(int fd, const std::string &path)
{
  struct stat a {};
  struct stat b {};
  return fstat(fd, &a) == 0 && lstat(path.c_str(), &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

}  // namespace

FilesClaim::FilesClaim(const std::string &folder, const std::string &info_hash)
    : path_{folder + "/." + info_hash + ".held"}
{
  // Who just deletes the files has soon done so.
  constexpr int tries = 100;
  for (int i = 0; i < tries; ++i) {
    file_ = net::FileDescriptor::own(
        open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
    if (!file_ || take())
      return;
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
  file_ = {};
}

// False if somebody is just deleting the files, or has, and the lock with them.
bool FilesClaim::take()
{
  was_shared_ = !lock(F_WRLCK);
  if ((was_shared_ && !lock(F_RDLCK)) || !is_at(file_.get(), path_))
    return false;
  if (!was_shared_) {
    // What a process left that was killed.
    std::ignore = ftruncate(file_.get(), 0);
    lock(F_RDLCK);
  }
  return true;
}

// Of this descriptor, and not of the process, whose other ones it would let go.
bool FilesClaim::lock(short type) const
{
  struct flock whole {};
  whole.l_type = type;
  whole.l_whence = SEEK_SET;
  return fcntl(file_.get(), F_OFD_SETLK, &whole) == 0;
}

void FilesClaim::keep() const
{
  constexpr char mark = '1';
  if (file_)
    std::ignore = pwrite(file_.get(), &mark, 1, 0);
}

bool FilesClaim::release()
{
  // Two who go at once hinder each other, until one has let go.
  const auto is_alone = [this] {
    if (lock(F_WRLCK))
      return true;
    lock(F_UNLCK);
    return lock(F_WRLCK);
  };
  if (!file_)
    return true;
  is_last_ = is_alone();
  struct stat about {};
  return is_last_ && fstat(file_.get(), &about) == 0 && about.st_size == 0;
}

FilesClaim::~FilesClaim()
{
  if (is_last_)
    unlink(path_.c_str());
}

}  // namespace kam::torrent
