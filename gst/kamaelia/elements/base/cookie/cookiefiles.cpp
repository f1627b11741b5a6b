// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/cookie/cookiefiles.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

namespace kam {
namespace {

// O_NONBLOCK: a pipe that nobody writes into would hold up who opens it.
int open_flags(Links links)
{
  return O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
         (links == Links::refuse ? O_NOFOLLOW : 0);
}

FileIdentity identity_in(const struct stat &status)
{
  constexpr std::int64_t second = 1'000'000'000;
  return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
          status.st_mtim.tv_sec * second + status.st_mtim.tv_nsec};
}

struct CloseFolder {
  void operator()(DIR *folder) const { closedir(folder); }
};

}  // namespace

CookieFault fault_of_errno(const std::string &failed)
{
  const int code = errno;
  const auto kind = code == ENOENT || code == ENOTDIR ? CookieFault::Kind::not_found
                                                      : CookieFault::Kind::not_readable;
  return {kind, failed + ": " + std::generic_category().message(code) + "."};
}

OrFault<OpenFile> open_regular_file(int folder, const std::string &name, Links links)
{
  OpenFile file;
  file.descriptor = net::FileDescriptor::own(openat(folder, name.c_str(), open_flags(links)));
  if (!file.descriptor && errno == ELOOP && links == Links::refuse)
    return CookieFault{CookieFault::Kind::not_readable,
                       "\"" + name + "\" is a link, which is not followed."};
  struct stat status {};
  if (!file.descriptor || fstat(file.descriptor.get(), &status) != 0)
    return fault_of_errno("Cannot open \"" + name + "\"");
  if (!S_ISREG(status.st_mode))
    return CookieFault{CookieFault::Kind::not_usable, "\"" + name + "\" is not a file."};
  file.identity = identity_in(status);
  file.size = file.identity.size;
  return file;
}

OrFault<ByteVector> read_regular_file(int folder, const std::string &name, Links links,
                                      std::size_t max_size)
{
  auto opened = open_regular_file(folder, name, links);
  if (auto *fault = std::get_if<CookieFault>(&opened))
    return std::move(*fault);
  const auto &file = std::get<OpenFile>(opened);
  if (file.size > max_size)
    return CookieFault{CookieFault::Kind::not_usable, "\"" + name + "\" is larger than " +
                                                          std::to_string(max_size) + " bytes."};
  ByteVector bytes(file.size);
  std::size_t filled = 0;
  while (filled < bytes.size()) {
    const auto got = read(file.descriptor.get(), bytes.data() + filled, bytes.size() - filled);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return fault_of_errno("Cannot read \"" + name + "\"");
    if (got == 0)
      break;
    filled += static_cast<std::size_t>(got);
  }
  bytes.resize(filled);
  return bytes;
}

OrFault<FileIdentity> identity_of(int folder, const std::string &name, Links links)
{
  struct stat status {};
  if (fstatat(folder, name.c_str(), &status,
              links == Links::refuse ? AT_SYMLINK_NOFOLLOW : 0) != 0)
    return fault_of_errno("Cannot find \"" + name + "\"");
  return identity_in(status);
}

OrFault<Folder> open_folder(const std::string &path, Links links)
{
  Folder folder;
  folder.descriptor = net::FileDescriptor::own(
      open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_NONBLOCK));
  struct stat status {};
  if (!folder.descriptor || fstat(folder.descriptor.get(), &status) != 0)
    return fault_of_errno("Cannot open the folder \"" + path + "\"");
  folder.identity = identity_in(status);
  auto again = net::FileDescriptor::own(
      openat(folder.descriptor.get(), ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY));
  const std::unique_ptr<DIR, CloseFolder> stream{fdopendir(again.get())};
  if (!stream)
    return fault_of_errno("Cannot read the folder \"" + path + "\"");
  (void)again.release();  // closedir() closes it
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else has this stream
  while (const auto *entry = readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name.starts_with('.') || fstatat(folder.descriptor.get(), name.c_str(), &status,
                                         links == Links::refuse ? AT_SYMLINK_NOFOLLOW : 0) != 0)
      continue;
    if (S_ISLNK(status.st_mode))
      folder.links.push_back(name);
    if (!S_ISREG(status.st_mode))
      continue;
    if (folder.names.size() == max_names) {
      folder.has_more = true;
      break;
    }
    folder.names.push_back(name);
  }
  std::ranges::sort(folder.names);
  return folder;
}

bool is_folder(const std::string &path)
{
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace kam
