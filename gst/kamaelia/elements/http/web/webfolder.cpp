// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/web/webfolder.hpp"

#include "core/http/byte_ranges.hpp"
#include "core/http/http_date.hpp"
#include "core/http/preconditions.hpp"
#include "core/http/preferences.hpp"
#include "core/utf8.hpp"
#include "glue/refs.hpp"

#include <gio/gio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <deque>
#include <utility>

namespace kam::http {
namespace {

constexpr std::uint64_t second = 1'000'000'000;
// Small files go out with their head, larger ones without a copy, in pieces after each of which
// others have their turn.
constexpr std::size_t small_size = std::size_t{64} << 10U;
constexpr std::size_t piece_size = std::size_t{256} << 10U;
constexpr std::size_t max_listed = 10'000;
constexpr auto methods = "GET, HEAD, OPTIONS";

std::string etag_of(const net::OpenFile &file)
{
  std::array<char, 64> text{};
  const auto size = std::snprintf(text.data(), text.size(), "\"%llx-%llx-%llx\"",
                                  static_cast<unsigned long long>(file.inode),
                                  static_cast<unsigned long long>(file.size),
                                  static_cast<unsigned long long>(file.modified_ns));
  return {text.data(), static_cast<std::size_t>(size)};
}

// By its name, and where that does not tell by how it begins.
std::string content_type_of(const std::string &name, const net::OpenFile &file)
{
  gboolean is_uncertain = FALSE;
  std::array<char, 1024> beginning{};
  ssize_t size = 0;
  glue::StringPtr type{g_content_type_guess(name.c_str(), nullptr, 0, &is_uncertain)};
  const bool is_text = g_content_type_is_a(type.get(), "text/plain") == TRUE;
  if (is_uncertain || is_text)
    size = pread(file.descriptor.get(), beginning.data(), beginning.size(), 0);
  if (is_uncertain && size > 0)
    type.reset(g_content_type_guess(name.c_str(),
                                    reinterpret_cast<const guchar *>(beginning.data()),
                                    static_cast<gsize>(size), nullptr));
  const glue::StringPtr media_type{g_content_type_get_mime_type(type.get())};
  if (!media_type)
    return "application/octet-stream";
  std::string result = media_type.get();
  const std::string_view text{beginning.data(),
                              static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  if (result.starts_with("text/") && size > 0 &&
      is_utf8(
          utf8_prefix(text, text.size() < beginning.size() ? text.size() : text.size() - 1)))
    result += "; charset=utf-8";
  return result;
}

std::string boundary()
{
  std::array<char, 40> text{};
  const auto size = std::snprintf(text.data(), text.size(), "%08x%08x%08x", g_random_int(),
                                  g_random_int(), g_random_int());
  return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace

// A file that a request is about, and what is said about it.
struct WebFolder::Found {
  std::string name;
  net::OpenFile file;
  std::string content_type;
  std::string encoding;
  bool has_variants = false;
  Validators validators;
};

// Sends a file, or parts of it.
class WebFolder::Sender final : public WebResponder {
 public:
  // Some text, then some of the file.
  struct Part {
    std::string text;
    ByteRange range;
    std::uint64_t size = 0;
  };

  Sender(WebServer &server, const Exchange &exchange, net::FileDescriptor file,
         ResponseHead head, std::deque<Part> parts)
      : WebResponder{server, exchange},
        file_{std::make_shared<net::FileDescriptor>(std::move(file))},
        head_{std::move(head)},
        parts_{std::move(parts)}
  {
  }
  ~Sender() override { *self_ = nullptr; }

 private:
  void begin() override
  {
    begin_answer(std::move(head_));
    go_on();
  }
  void handle_room() override
  {
    if (!is_waiting_for_disk_)
      go_on();
  }

  void go_on()
  {
    while (!parts_.empty()) {
      auto &part = parts_.front();
      if (!part.text.empty())
        reply().write(as_bytes(std::exchange(part.text, {})));
      if (part.size > 0) {
        if (!send_some(part))
          return;
        if (part.size > 0)
          continue;
      }
      parts_.pop_front();
    }
    reply().end();
  }

  // False if it goes on later.
  bool send_some(Part &part)
  {
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(part.size, piece_size));
    if (!net::is_in_memory(file_->get(), part.range.first, wanted) && !was_brought_) {
      bring(part.range.first, wanted);
      return false;
    }
    was_brought_ = false;
    if (part.size <= small_size)
      return send_copy(part);
    if (!reply().has_room())
      return false;
    std::size_t sent = 0;
    const auto status = reply().send_file(file_->get(), part.range.first, wanted, sent);
    part.range.first += sent;
    part.size -= sent;
    if (status == net::Stream::Status::ended)
      reply().abort();
    // Told when there is room, in any case.
    return part.size == 0;
  }

  bool send_copy(Part &part)
  {
    std::array<std::byte, small_size> space;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    const auto size = pread(file_->get(), space.data(), static_cast<std::size_t>(part.size),
                            static_cast<off_t>(part.range.first));
    if (size <= 0) {
      // It has become shorter.
      reply().abort();
      return false;
    }
    reply().write(Bytes{space}.first(static_cast<std::size_t>(size)));
    part.range.first += static_cast<std::uint64_t>(size);
    part.size -= static_cast<std::uint64_t>(size);
    return true;
  }

  // From the disk, where somebody else waits for it.
  void bring(std::uint64_t offset, std::size_t size)
  {
    is_waiting_for_disk_ = true;
    auto &frontend = server().frontend();
    server().workers().post([file = file_, self = self_, offset, size, &frontend] {
      net::bring_into_memory(file->get(), offset, size);
      frontend.post([self] {
        if (auto *sender = *self) {
          sender->is_waiting_for_disk_ = false;
          sender->was_brought_ = true;
          sender->go_on();
        }
      });
    });
  }

  std::shared_ptr<net::FileDescriptor> file_;
  ResponseHead head_;
  std::deque<Part> parts_;
  bool is_waiting_for_disk_ = false;
  bool was_brought_ = false;
  // For the front end's thread only.
  std::shared_ptr<Sender *> self_ = std::make_shared<Sender *>(this);
};

// Sends a page about a folder, which somebody else looks into.
class WebFolder::Lister final : public WebResponder {
 public:
  Lister(WebServer &server, const Exchange &exchange, std::shared_ptr<const net::Folder> folder,
         std::string name, std::string address)
      : WebResponder{server, exchange},
        folder_{std::move(folder)},
        name_{std::move(name)},
        address_{std::move(address)}
  {
  }
  ~Lister() override { *self_ = nullptr; }

 private:
  void begin() override
  {
    auto &frontend = server().frontend();
    server().workers().post([self = self_, folder = folder_, name = name_, address = address_,
                             shows_hidden = server().settings().shows_hidden, &frontend] {
      auto listed = folder->list(name, max_listed, shows_hidden);
      const bool is_cut = listed.size() > max_listed;
      if (is_cut)
        listed.pop_back();
      std::vector<FolderEntry> entries;
      entries.reserve(listed.size());
      for (auto &entry : listed)
        entries.push_back({std::move(entry.name), entry.is_folder, entry.size, entry.modified});
      const auto page = std::make_shared<std::string>(
          folder_page(address, std::move(entries), address != "/", is_cut));
      frontend.post([self, page] {
        if (*self)
          (*self)->respond(
              {200,
               {{"Content-Type", "text/html; charset=utf-8"},
                {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"},
                {"Cache-Control", "no-cache"}},
               std::move(*page)});
      });
    });
  }

  std::shared_ptr<const net::Folder> folder_;
  std::string name_;
  std::string address_;
  std::shared_ptr<Lister *> self_ = std::make_shared<Lister *>(this);
};

void WebFolder::serve(Exchange &exchange, const ResourcePath &path, std::size_t first)
{
  const auto &request = exchange.request();
  if (request.method == "OPTIONS")
    return server_.respond(exchange, server_.options(request, methods));
  if (request.method != "GET" && request.method != "HEAD") {
    auto response = failure(request, 405, "Files can only be read here");
    response.fields.emplace_back("Allow", methods);
    return server_.respond(exchange, std::move(response));
  }
  const auto not_found = [&] {
    server_.respond(exchange, failure(request, 404, "There is nothing at this address"));
  };
  if (path.is_hidden() && !server_.settings().shows_hidden)
    return not_found();
  const auto name = path.joined(first);
  auto opened = folder_->open_file(name);
  auto *const file = std::get_if<net::OpenFile>(&opened);
  if (!file || (!file->is_folder && path.ends_in_slash))
    return not_found();
  if (!file->is_folder)
    return serve_file(exchange, name, std::move(*file));
  if (path.ends_in_slash)
    return serve_folder(exchange, path, first);
  // What the page of a folder links to is relative to it.
  std::string address;
  for (const auto &part : path.names)
    address += '/' + encoded_name(part);
  address += '/' + (request.query.empty() ? "" : '?' + request.query);
  auto response = failure(request, 301, "The address of a folder ends in a slash");
  response.fields.emplace_back("Location", address);
  server_.respond(exchange, std::move(response));
}

void WebFolder::serve_folder(Exchange &exchange, const ResourcePath &path, std::size_t first)
{
  const auto name = path.joined(first);
  const auto &settings = server_.settings();
  if (!settings.index_file.empty()) {
    const auto index = name.empty() ? settings.index_file : name + '/' + settings.index_file;
    auto opened = folder_->open_file(index);
    if (auto *file = std::get_if<net::OpenFile>(&opened); file && !file->is_folder)
      return serve_file(exchange, index, std::move(*file));
  }
  if (!settings.lists_folders)
    return server_.respond(
        exchange, failure(exchange.request(), 403, "What is in this folder is not told"));
  const auto whole = path.joined();
  server_.converse(exchange, std::make_unique<Lister>(server_, exchange, folder_, name,
                                                      whole.empty() ? "/" : '/' + whole + '/'));
}

void WebFolder::prefer_compressed(const RequestHead &request, Found &found) const
{
  struct Encoding {
    const char *name;
    const char *suffix;
  };
  static constexpr std::array encodings{Encoding{"br", ".br"}, Encoding{"zstd", ".zst"},
                                        Encoding{"gzip", ".gz"}};
  const auto *accepted = request.find("accept-encoding");
  const auto modified_ns = found.file.modified_ns;
  unsigned best = 0;
  for (const auto &encoding : encodings) {
    auto opened = folder_->open_file(found.name + encoding.suffix);
    auto *const file = std::get_if<net::OpenFile>(&opened);
    if (!file || file->is_folder || file->modified_ns < modified_ns)
      continue;
    found.has_variants = true;
    const auto preference = encoding_preference(accepted, encoding.name);
    if (preference <= best)
      continue;
    best = preference;
    found.encoding = encoding.name;
    found.file = std::move(*file);
  }
}

const std::string &WebFolder::content_type(const std::string &name, const std::string &etag,
                                           const net::OpenFile &file)
{
  constexpr std::size_t max_known = 4096;
  if (content_types_.size() >= max_known)
    content_types_.clear();
  const auto [known, is_new] = content_types_.try_emplace(etag + name);
  if (is_new)
    known->second = content_type_of(name, file);
  return known->second;
}

void WebFolder::serve_file(Exchange &exchange, const std::string &name, net::OpenFile file)
{
  const auto &request = exchange.request();
  const auto &settings = server_.settings();
  Found found{name, std::move(file), {}, {}, false, {}};
  found.content_type = content_type(name, etag_of(found.file), found.file);
  if (settings.sends_compressed)
    prefer_compressed(request, found);
  const auto size = found.file.size;
  found.validators = {etag_of(found.file),
                      static_cast<std::int64_t>(found.file.modified_ns / second)};
  Fields fields{{"ETag", found.validators.etag},
                {"Last-Modified", http_date(found.validators.modified)},
                {"Accept-Ranges", "bytes"}};
  if (found.has_variants)
    fields.emplace_back("Vary", "Accept-Encoding");
  if (!settings.cache_control.empty())
    fields.emplace_back("Cache-Control", settings.cache_control);
  const auto now = static_cast<std::int64_t>(std::time(nullptr));
  switch (condition_of(request, found.validators, now)) {
  case Condition::not_modified: return server_.respond(exchange, {304, std::move(fields), {}});
  case Condition::failed:
    return server_.respond(exchange,
                           failure(request, 412, "It is not what you take it for any more"));
  case Condition::holds: break;
  }
  if (!found.encoding.empty())
    fields.emplace_back("Content-Encoding", found.encoding);
  const auto *range_field = request.method == "GET" ? request.find("range") : nullptr;
  auto wanted = range_field && may_send_range(request, found.validators, now)
                    ? ranges_in(*range_field, size, settings.max_ranges)
                    : WholeFile{};
  if (std::holds_alternative<OutOfRange>(wanted)) {
    auto response = failure(request, 416, "The file is shorter than that");
    response.fields.emplace_back("Content-Range", "bytes */" + std::to_string(size));
    return server_.respond(exchange, std::move(response));
  }
  ResponseHead head{200, std::move(fields), size};
  std::deque<Sender::Part> parts;
  const auto *ranges = std::get_if<ByteRanges>(&wanted);
  if (ranges && ranges->size() > 1) {
    const auto between = boundary();
    head.length = 0;
    for (const auto &range : *ranges) {
      parts.push_back(
          {part_head(between, found.content_type, range, size), range, range.size()});
      *head.length += parts.back().text.size() + range.size();
    }
    parts.push_back({parts_end(between), {}, 0});
    *head.length += parts.back().text.size();
    head.fields.emplace_back("Content-Type", "multipart/byteranges; boundary=" + between);
  } else {
    head.fields.emplace_back("Content-Type", found.content_type);
    if (ranges) {
      head.fields.emplace_back("Content-Range", content_range(ranges->front(), size));
      head.length = ranges->front().size();
      parts.push_back({{}, ranges->front(), ranges->front().size()});
    } else if (size > 0) {
      parts.push_back({{}, {0, size - 1}, size});
    }
  }
  if (ranges)
    head.status = 206;
  if (request.method == "HEAD")
    parts.clear();
  server_.converse(exchange,
                   std::make_unique<Sender>(server_, exchange, std::move(found.file.descriptor),
                                            std::move(head), std::move(parts)));
}

}  // namespace kam::http
