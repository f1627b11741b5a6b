// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/web_documents.hpp"

#include "core/http/http_date.hpp"
#include "core/http/resource_path.hpp"
#include "core/http/station_documents.hpp"
#include "core/utf8.hpp"

#include <algorithm>
#include <array>

namespace kam::http {
namespace {

// "1.2 MiB"
std::string size_text(std::uint64_t size)
{
  constexpr std::array<std::string_view, 6> units{" KiB", " MiB", " GiB",
                                                  " TiB", " PiB", " EiB"};
  if (size < 1024)
    return std::to_string(size) + " B";
  std::size_t unit = 0;
  auto tenths = size * 10 / 1024;
  if (size > UINT64_MAX / 10)
    tenths = size / 1024 * 10;
  while (tenths >= 10240 && unit + 1 < units.size()) {
    tenths /= 1024;
    ++unit;
  }
  return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10) +
         std::string{units.at(unit)};
}

// A quoted string of a log.
std::string quoted(std::string_view text)
{
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : text.empty() ? std::string_view{"-"} : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      (result += '\\') += c;
    else if (code < ' ' || code >= 0x7f)
      (result += "\\x").append({digits[code >> 4U], digits[code & 15U]});
    else
      result += c;
  }
  return result + '"';
}

// "06/Nov/1994:08:49:37 +0000"
std::string log_time(std::int64_t time)
{
  const auto date = http_date(time);  // "Sun, 06 Nov 1994 08:49:37 GMT"
  return date.substr(5, 2) + '/' + date.substr(8, 3) + '/' + date.substr(12, 4) + ':' +
         date.substr(17, 8) + " +0000";
}

}  // namespace

std::string folder_page(std::string_view address, std::vector<FolderEntry> entries,
                        bool has_parent, bool is_cut)
{
  std::ranges::sort(entries, [](const FolderEntry &a, const FolderEntry &b) {
    return a.is_folder != b.is_folder ? a.is_folder : a.name < b.name;
  });
  const auto title = xml_text(utf8_of(address));
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\">"
      "<meta name=\"color-scheme\" content=\"light dark\"><title>" +
      title +
      "</title>\n<style>body{font:1rem system-ui;max-width:60rem;margin:2rem auto;padding:0 "
      "1rem}table{border-collapse:collapse;width:100%}td,th{padding:.3rem "
      ".6rem;text-align:left}td:nth-child(2),th:nth-child(2){text-align:right}"
      "</style></head>\n<body><h1>" +
      title +
      "</h1>\n<table><thead><tr><th scope=\"col\">Name</th><th scope=\"col\">Size</th>"
      "<th scope=\"col\">Changed</th></tr></thead>\n<tbody>\n";
  if (has_parent)
    page += "<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n";
  for (const auto &entry : entries) {
    const auto *slash = entry.is_folder ? "/" : "";
    page += "<tr><td><a href=\"./" + encoded_name(entry.name) + slash + "\">" +
            xml_text(utf8_of(entry.name)) + slash + "</a></td><td>" +
            (entry.is_folder ? "" : size_text(entry.size)) + "</td><td>" +
            http_date(entry.modified) + "</td></tr>\n";
  }
  page += "</tbody></table>\n";
  if (is_cut)
    page += "<p>There is more than is shown here.</p>\n";
  return page + "</body></html>\n";
}

std::string log_line(const LoggedRequest &request)
{
  return request.peer + " - " + (request.user.empty() ? "-" : quoted(request.user)) + " [" +
         log_time(request.time) + "] " +
         quoted(request.method + ' ' + request.target + " HTTP/1." +
                std::to_string(request.minor_version)) +
         ' ' + std::to_string(request.status) + ' ' + std::to_string(request.bytes) + ' ' +
         quoted(request.referer) + ' ' + quoted(request.user_agent) + '\n';
}

}  // namespace kam::http
