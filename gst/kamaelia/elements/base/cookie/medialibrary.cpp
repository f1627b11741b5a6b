// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/cookie/medialibrary.hpp"

#include <gst/base/gsttypefindhelper.h>

#include <fcntl.h>
#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace kam {
namespace {

using SharedFolder = std::shared_ptr<const MediaFolder>;
using SharedFile = std::shared_ptr<const MediaFile>;

constexpr std::chrono::seconds trusted_for{1};

bool is_like(const std::string &name, std::string_view patterns)
{
  while (!patterns.empty()) {
    const std::string pattern{patterns.substr(0, patterns.find(';'))};
    patterns.remove_prefix(std::min(pattern.size() + 1, patterns.size()));
    if (fnmatch(pattern.c_str(), name.c_str(), FNM_CASEFOLD) == 0)
      return true;
  }
  return false;
}

// What the bytes are, where the name may help to tell.
glue::Ref<GstCaps> caps_of(const MediaFile &file)
{
  std::vector<guint8> beginning(std::min<std::uint64_t>(file.size, 65'536));
  const auto got = pread(file.descriptor.get(), beginning.data(), beginning.size(), 0);
  if (got <= 0)
    return {};
  const auto dot = file.path.rfind('.');
  const auto *extension = dot == std::string::npos ? nullptr : file.path.c_str() + dot + 1;
  return glue::Ref<GstCaps>::adopt(gst_type_find_helper_for_data_with_extension(
      nullptr, beginning.data(), static_cast<gsize>(got), extension, nullptr));
}

CookieFault nothing_in(const std::string &path, const Folder &folder)
{
  auto what = "No file in the folder \"" + path + "\" is called as the pattern wants it";
  if (!folder.links.empty())
    what += "; links, like \"" + folder.links.front() + "\", are not followed";
  return {CookieFault::Kind::not_found, what + "."};
}

OrFault<SharedFolder> read_folder(const std::string &location, const std::string &pattern)
{
  if (!is_folder(location)) {
    // Opened once, so that what cannot be played is told now.
    auto opened = open_regular_file(AT_FDCWD, location, Links::follow);
    if (auto *fault = std::get_if<CookieFault>(&opened))
      return std::move(*fault);
    Folder alone;
    alone.names.push_back(location);
    return std::make_shared<const MediaFolder>(std::move(alone), location, true);
  }
  auto opened = open_folder(location, Links::refuse);
  if (auto *fault = std::get_if<CookieFault>(&opened))
    return std::move(*fault);
  auto &folder = std::get<Folder>(opened);
  std::erase_if(folder.names, [&](const auto &name) { return !is_like(name, pattern); });
  std::erase_if(folder.links, [&](const auto &name) { return !is_like(name, pattern); });
  if (folder.names.empty())
    return nothing_in(location, folder);
  return std::make_shared<const MediaFolder>(std::move(folder), location, false);
}

}  // namespace

OrFault<SharedFolder> MediaFolder::open(const std::string &location, const std::string &pattern)
{
  static WeakCache<std::pair<std::string, std::string>, MediaFolder> cache;
  auto opened = cache.get(
      {location, pattern}, trusted_for,
      [](const MediaFolder &folder) { return folder.is_as_read(); },
      [&] { return read_folder(location, pattern); });
  // The first file that is opened has GStreamer load its typefinders: not while clients wait.
  if (const auto *folder = std::get_if<SharedFolder>(&opened))
    (void)(*folder)->open_file(0);
  return opened;
}

bool MediaFolder::is_as_read() const
{
  if (is_file_)
    return !is_folder(path_);
  const auto identity = identity_of(AT_FDCWD, path_, Links::follow);
  const auto *const now = std::get_if<FileIdentity>(&identity);
  return now && *now == folder_.identity;
}

OrFault<SharedFile> MediaFolder::open_file(std::size_t index) const
{
  const auto &name = folder_.names[index];
  const int folder = is_file_ ? AT_FDCWD : folder_.descriptor.get();
  const auto links = is_file_ ? Links::follow : Links::refuse;
  const auto is_unchanged = [&](const MediaFile &file) {
    const auto identity = identity_of(folder, name, links);
    const auto *const now = std::get_if<FileIdentity>(&identity);
    return now && *now == file.identity;
  };
  const auto open = [&]() -> OrFault<SharedFile> {
    auto opened = open_regular_file(folder, name, links);
    if (auto *fault = std::get_if<CookieFault>(&opened))
      return std::move(*fault);
    MediaFile file;
    file.path = is_file_ ? name : path_ + (path_.ends_with('/') ? "" : "/") + name;
    file.descriptor = std::move(std::get<OpenFile>(opened).descriptor);
    file.size = std::get<OpenFile>(opened).size;
    if (file.size == 0)
      return CookieFault{CookieFault::Kind::not_usable, "\"" + file.path + "\" is empty."};
    file.identity = std::get<OpenFile>(opened).identity;
    auto &known = known_caps_[index];
    if (!(known.first == file.identity))
      known = {file.identity, caps_of(file)};
    file.caps = known.second;
    return std::make_shared<const MediaFile>(std::move(file));
  };
  return files_.get(index, trusted_for, is_unchanged, open);
}

}  // namespace kam
