// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/maker/outputfile.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace kam {

namespace {

using torrent::Failure;

Failure failure_of(int error, const char *what, const std::string &path)
{
  const bool is_full = error == ENOSPC || error == EDQUOT;
  const auto reason = std::error_code{error, std::generic_category()}.message();
  if (is_full)
    return {Failure::Kind::no_space, "There is no space left for \"" + path + "\".", reason};
  return {Failure::Kind::open_write, "\"" + path + "\" cannot be " + what + ": " + reason + ".",
          "errno " + std::to_string(error)};
}

}  // namespace

std::variant<OutputFile, Failure> OutputFile::create(const std::string &path)
{
  constexpr mode_t as_umask_says = 0666;
  auto file = net::FileDescriptor::own(
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, as_umask_says));
  if (!file)
    return failure_of(errno, "created", path);
  return OutputFile{path, std::move(file)};
}

std::optional<Failure> OutputFile::write(Bytes bytes)
{
  while (!bytes.empty()) {
    const auto written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return failure_of(errno, "written", path_);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

std::optional<Failure> OutputFile::close()
{
  if (file_ && ::close(file_.release()) != 0 && errno != EINTR)
    return failure_of(errno, "written", path_);
  return {};
}

std::optional<Failure> replace_file(const std::string &path, Bytes bytes)
{
  const auto beside = path + ".part";
  auto created = OutputFile::create(beside);
  if (auto *failure = std::get_if<Failure>(&created))
    return *failure;
  auto &file = std::get<OutputFile>(created);
  auto failure = file.write(bytes);
  if (auto at_end = file.close(); !failure)
    failure = at_end;
  if (!failure && std::rename(beside.c_str(), path.c_str()) != 0)
    failure = failure_of(errno, "written", path);
  if (failure)
    unlink(beside.c_str());
  return failure;
}

}  // namespace kam
