// SPDX-License-Identifier: LGPL-2.1-or-later
#include "net/folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string_view>
#include <utility>

namespace kam::net {

namespace {

constexpr std::uint64_t second = 1'000'000'000;
// A file that is none may make who opens it wait, or the process its terminal's.
constexpr int careful = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

FileDescriptor open_with_kernel_guard(int folder, const std::string &name, int flags)
{
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  for (;;) {
    const auto fd = syscall(SYS_openat2, folder, name.c_str(), &how, sizeof how);
    // Something was renamed meanwhile, and the kernel is not sure where it got to.
    if (fd >= 0 || errno != EAGAIN)
      return FileDescriptor::own(static_cast<int>(fd));
  }
}

// One name after the other, none of which may be a link.
FileDescriptor open_step_by_step(int folder, std::string_view names, int flags)
{
  auto current = FileDescriptor::own(openat(folder, ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
  while (current) {
    const auto slash = names.find('/');
    const std::string name{names.substr(0, slash)};
    const bool is_last = slash == std::string_view::npos;
    if (name == "..") {
      errno = EXDEV;
      return {};
    }
    current = FileDescriptor::own(
        openat(current.get(), name.c_str(),
               is_last ? flags | O_NOFOLLOW : O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (is_last)
      break;
    names.remove_prefix(slash + 1);
  }
  return current;
}

bool is_without_kernel_guard(int reason)
{
  // Some containers refuse calls that they do not know with EPERM.
  return reason == ENOSYS || reason == EPERM;
}

}  // namespace

std::variant<Folder, Error> Folder::open(const std::string &path)
{
  auto descriptor = FileDescriptor::own(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor)
    return last_error("Cannot open the folder " + path);
  return Folder{std::move(descriptor)};
}

FileDescriptor Folder::open_beneath(const std::string &name, int flags) const
{
  const auto &path = name.empty() ? std::string{"."} : name;
  auto opened = open_with_kernel_guard(descriptor_.get(), path, flags);
  if (!opened && is_without_kernel_guard(errno))
    opened = open_step_by_step(descriptor_.get(), path, flags);
  return opened;
}

std::variant<OpenFile, Error> Folder::open_file(const std::string &name) const
{
  OpenFile file;
  file.descriptor = open_beneath(name, O_RDONLY | careful);
  struct stat status {};
  if (!file.descriptor || fstat(file.descriptor.get(), &status) != 0)
    return last_error("Cannot open a file");
  file.is_folder = S_ISDIR(status.st_mode);
  if (!file.is_folder && !S_ISREG(status.st_mode))
    return error_of(ENOENT, "Cannot open what is no file");
  file.size = static_cast<std::uint64_t>(status.st_size);
  file.inode = status.st_ino;
  file.modified_ns = static_cast<std::uint64_t>(status.st_mtim.tv_sec) * second +
                     static_cast<std::uint64_t>(status.st_mtim.tv_nsec);
  return file;
}

std::vector<Folder::Entry> Folder::list(const std::string &name, std::size_t max_entries,
                                        bool with_hidden) const
{
  std::vector<Entry> entries;
  auto descriptor = open_beneath(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (!descriptor)
    return entries;
  const std::unique_ptr<DIR, int (*)(DIR *)> folder{fdopendir(descriptor.get()), closedir};
  if (!folder)
    return entries;
  [[maybe_unused]] const int owned_by_folder = descriptor.release();
  // Each thread has a DIR of its own here.
  while (const auto *found = readdir(folder.get())) {  // NOLINT(concurrency-mt-unsafe)
    const std::string_view entry_name{static_cast<const char *>(found->d_name)};
    if (entry_name == "." || entry_name == ".." ||
        (!with_hidden && entry_name.starts_with('.')))
      continue;
    const std::string full =
        name.empty() ? std::string{entry_name} : name + '/' + std::string{entry_name};
    struct stat status {};
    const auto looked_at = open_beneath(full, O_PATH | O_CLOEXEC);
    if (!looked_at || fstat(looked_at.get(), &status) != 0 ||
        !(S_ISDIR(status.st_mode) || S_ISREG(status.st_mode)))
      continue;
    entries.push_back({std::string{entry_name}, S_ISDIR(status.st_mode),
                       static_cast<std::uint64_t>(status.st_size), status.st_mtim.tv_sec});
    if (entries.size() > max_entries)
      break;
  }
  return entries;
}

// --- memory -------------------------------------------------------------------------------

bool is_in_memory(int file, std::uint64_t offset, std::size_t size)
{
  const auto is_there = [file](std::uint64_t at) {
    char byte = 0;
    const iovec space{&byte, 1};
    return preadv2(file, &space, 1, static_cast<off_t>(at), RWF_NOWAIT) >= 0;
  };
  return size == 0 || (is_there(offset) && is_there(offset + size - 1));
}

void bring_into_memory(int file, std::uint64_t offset, std::size_t size)
{
  std::array<std::byte, 65536> unused{};
  while (size > 0) {
    const ssize_t count =
        pread(file, unused.data(), std::min(size, unused.size()), static_cast<off_t>(offset));
    if (count <= 0)
      return;
    offset += static_cast<std::uint64_t>(count);
    size -= std::min(size, static_cast<std::size_t>(count));
  }
}

}  // namespace kam::net
