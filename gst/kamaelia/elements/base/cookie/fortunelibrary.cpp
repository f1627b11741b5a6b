// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/cookie/fortunelibrary.hpp"

#include "elements/base/cookie/weakcache.hpp"

#include <fcntl.h>
#include <glib.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>
#include <utility>

namespace kam {
namespace {

using cookie::FortuneFile;
using cookie::Jar;

constexpr std::size_t max_databases = 4096;
constexpr std::size_t max_total_size = std::size_t{256} << 20U;

std::vector<std::string> split(std::string_view list)
{
  std::vector<std::string> parts;
  while (!list.empty()) {
    const auto part = list.substr(0, list.find(':'));
    if (!part.empty())
      parts.emplace_back(part);
    list.remove_prefix(std::min(part.size() + 1, list.size()));
  }
  return parts;
}

std::string in_quotes(const std::string &name)
{
  return '"' + name + '"';
}

std::string variable(const char *name)
{
  const char *value = g_getenv(name);
  return value ? value : "";
}

// What lies in a folder of databases and is none: fortune-mod's list.
bool is_something_else(std::string_view name)
{
  static constexpr std::array<std::string_view, 10> endings{
      ".dat", ".pos", ".u8", ".c", ".h", ".p", ".i", ".f", ".pas", ".sml"};
  return std::ranges::any_of(endings, [name](auto end) { return name.ends_with(end); });
}

// Reads databases one after the other, and notes what cannot be used.
class Reader {
 public:
  explicit Reader(bool offensive) : offensive_{offensive} {}

  // What the user has named; a fault if nothing of it can be used.
  std::optional<CookieFault> read_named(const std::string &name);
  // False if there is nothing there.
  bool read_system_folder(const std::string &path);

  Fortunes finish(const cookie::Selection &selection) &&
  {
    return {Jar{std::move(sources_), selection}, std::move(remarks_), std::move(read_from_)};
  }
  std::size_t databases() const { return sources_.size(); }

 private:
  void remark(CookieFault fault)
  {
    remarks_.push_back(fault.what);
    if (!first_fault_)
      first_fault_ = std::move(fault);
  }
  void read_folders(const std::string &path, Links links);
  void read_folder(const std::string &path, Links links);
  // Only if there is an index, or the text looks like it.
  void read_guessed(const Folder &folder, const std::string &path, const std::string &name,
                    Links links);
  void read_file(int folder, const std::string &name, const std::string &path, Links links,
                 bool has_index, bool is_sure);

  bool offensive_;
  std::vector<Jar::Source> sources_;
  std::vector<std::string> remarks_;
  std::vector<std::pair<std::string, FileIdentity>> read_from_;
  std::optional<CookieFault> first_fault_;
  std::size_t total_size_ = 0;
};

std::optional<CookieFault> Reader::read_named(const std::string &name)
{
  const auto before = databases();
  first_fault_.reset();
  std::string path = name;
  if (name.find('/') == std::string::npos &&
      std::holds_alternative<CookieFault>(identity_of(AT_FDCWD, name, Links::follow))) {
    for (const auto &folder : fortune_search_path()) {
      auto candidate = folder + '/';
      candidate += name;
      if (std::holds_alternative<FileIdentity>(
              identity_of(AT_FDCWD, candidate, Links::follow))) {
        path = candidate;
        break;
      }
    }
  }
  if (is_folder(path)) {
    read_folders(path, Links::refuse);
  } else {
    const bool has_index = std::holds_alternative<FileIdentity>(
        identity_of(AT_FDCWD, path + ".dat", Links::follow));
    read_file(AT_FDCWD, path, path, Links::follow, has_index, true);
  }
  if (databases() > before)
    return std::nullopt;
  return first_fault_.value_or(CookieFault{
      CookieFault::Kind::not_usable, "There are no fortunes in " + in_quotes(path) + "."});
}

bool Reader::read_system_folder(const std::string &path)
{
  const auto before = databases();
  if (is_folder(path))
    read_folders(path, Links::follow);
  return databases() > before;
}

void Reader::read_folders(const std::string &path, Links links)
{
  read_folder(path, links);
  // Where fortune-mod has those that not everybody finds funny.
  if (offensive_ && is_folder(path + "/off"))
    read_folder(path + "/off", links);
}

void Reader::read_folder(const std::string &path, Links links)
{
  auto opened = open_folder(path, links);
  if (auto *fault = std::get_if<CookieFault>(&opened))
    return remark(std::move(*fault));
  const auto &folder = std::get<Folder>(opened);
  read_from_.emplace_back(path, folder.identity);
  for (const auto &name : folder.names)
    read_guessed(folder, path, name, links);
  for (const auto &name : folder.links) {
    if (links == Links::refuse && !is_something_else(name))
      remark({CookieFault::Kind::not_readable, in_quotes(name) + " in " + in_quotes(path) +
                                                   " is a link, which is not followed."});
  }
}

void Reader::read_guessed(const Folder &folder, const std::string &path,
                          const std::string &name, Links links)
{
  // BSD's way to mark them.
  if (is_something_else(name) || (!offensive_ && name.ends_with("-o")))
    return;
  const bool has_index = std::ranges::binary_search(folder.names, name + ".dat");
  read_file(folder.descriptor.get(), name, path + "/" + name, links, has_index, has_index);
}

void Reader::read_file(int folder, const std::string &name, const std::string &path,
                       Links links, bool has_index, bool is_sure)
{
  constexpr std::size_t max_index_size = std::size_t{16} << 20U;
  if (databases() == max_databases)
    return remark({CookieFault::Kind::not_usable,
                   "There are more databases than " + std::to_string(max_databases) + "."});
  auto read = read_regular_file(folder, name, links, cookie::FortuneLimits{}.max_text_size);
  if (auto *fault = std::get_if<CookieFault>(&read))
    return remark(std::move(*fault));
  const auto &text = std::get<ByteVector>(read);
  if (!is_sure && !cookie::looks_like_fortunes(text))
    return;
  total_size_ += text.size();
  if (total_size_ > max_total_size)
    return remark({CookieFault::Kind::not_usable, "The databases are larger than " +
                                                      std::to_string(max_total_size) +
                                                      " bytes together."});
  ByteVector index;
  if (has_index) {
    auto read_index = read_regular_file(folder, name + ".dat", links, max_index_size);
    if (auto *bytes = std::get_if<ByteVector>(&read_index))
      index = std::move(*bytes);
    else
      remark(std::move(std::get<CookieFault>(read_index)));
  }
  auto parsed = FortuneFile::read(text, has_index ? std::optional{Bytes{index}} : std::nullopt);
  if (const auto *fault = std::get_if<cookie::FortuneFault>(&parsed))
    return remark({CookieFault::Kind::not_usable,
                   in_quotes(path) + " " + cookie::describe(*fault) + "."});
  auto &file = std::get<FortuneFile>(parsed);
  if (!file.index_fits())
    remarks_.push_back(in_quotes(path + ".dat") +
                       " is of another text; strfile would renew it.");
  if (file.left_out() > 0)
    remarks_.push_back(in_quotes(path) + " has " + std::to_string(file.left_out()) +
                       " cookies that are too many or too long.");
  for (const auto &part : {path, path + ".dat"}) {
    if (const auto identity = identity_of(AT_FDCWD, part, Links::follow);
        std::holds_alternative<FileIdentity>(identity))
      read_from_.emplace_back(part, std::get<FileIdentity>(identity));
  }
  sources_.push_back({path, std::make_shared<const FortuneFile>(std::move(file))});
}

std::shared_ptr<const Fortunes> built_in(const cookie::Selection &selection)
{
  // Not owned: it lives as long as the process.
  const std::shared_ptr<const FortuneFile> file{std::shared_ptr<void>{},
                                                &cookie::built_in_cookies()};
  return std::make_shared<const Fortunes>(Fortunes{Jar{{{"built-in", file}}, selection},
                                                   {"No database was found; the cookies are "
                                                    "built-in ones."},
                                                   {}});
}

OrFault<std::shared_ptr<const Fortunes>> read_fortunes(const FortuneChoice &choice)
{
  Reader reader{choice.offensive};
  const auto named = split(choice.location);
  for (const auto &name : named) {
    if (auto fault = reader.read_named(name))
      return std::move(*fault);
  }
  if (named.empty()) {
    const auto folders = fortune_search_path();
    if (std::ranges::none_of(folders,
                             [&](const auto &path) { return reader.read_system_folder(path); }))
      return built_in(choice.selection);
  }
  return std::make_shared<const Fortunes>(std::move(reader).finish(choice.selection));
}

bool is_as_read(const Fortunes &fortunes)
{
  return std::ranges::all_of(fortunes.read_from, [](const auto &read) {
    const auto identity = identity_of(AT_FDCWD, read.first, Links::follow);
    const auto *const now = std::get_if<FileIdentity>(&identity);
    return now && *now == read.second;
  });
}

}  // namespace

std::vector<std::string> fortune_search_path()
{
  if (auto path = split(variable("FORTUNE_PATH")); !path.empty())
    return path;
  std::vector<std::string> path{std::string{g_get_user_data_dir()} + "/fortunes"};
  for (const auto *folder :
       {"/usr/share/games/fortunes",  // Debian
        "/usr/share/games/fortune",   // Fedora, FreeBSD's base system
        "/usr/share/fortune",         // Arch
        "/usr/local/share/games/fortunes", "/usr/local/share/games/fortune",
        "/opt/homebrew/share/games/fortunes",
        "/home/linuxbrew/.linuxbrew/share/games/fortunes"})
    path.emplace_back(folder);
  for (const auto *const *folder = g_get_system_data_dirs(); *folder; ++folder)
    path.push_back(std::string{*folder} + "/fortunes");
  return path;
}

OrFault<std::shared_ptr<const Fortunes>> open_fortunes(const FortuneChoice &choice)
{
  using Key = std::tuple<std::string, bool, std::size_t, std::size_t, bool>;
  static WeakCache<Key, Fortunes> cache;
  const auto &selection = choice.selection;
  auto opened = cache.get(
      {choice.location + '\n' + variable("FORTUNE_PATH"), choice.offensive,
       selection.min_length, selection.max_length, selection.line_end == cookie::LineEnd::crlf},
      std::chrono::seconds{1}, is_as_read, [&choice] { return read_fortunes(choice); });
  if (const auto *fortunes = std::get_if<std::shared_ptr<const Fortunes>>(&opened);
      fortunes && (*fortunes)->jar.size() == 0)
    return CookieFault{CookieFault::Kind::not_usable,
                       "No cookie is as long as min-length and max-length want it."};
  return opened;
}

}  // namespace kam
