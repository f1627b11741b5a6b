// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/frontend/httpexchange.hpp"

#include "config.h"

#include "core/http/http_date.hpp"
#include "core/http/station_documents.hpp"

#include <cstring>
#include <ctime>

namespace kam::http {
namespace {

const char *reason_phrase(unsigned status)
{
  switch (status) {
  case 100: return "Continue";
  case 200: return "OK";
  case 201: return "Created";
  case 202: return "Accepted";
  case 203: return "Non-Authoritative Information";
  case 204: return "No Content";
  case 206: return "Partial Content";
  case 301: return "Moved Permanently";
  case 302: return "Found";
  case 303: return "See Other";
  case 304: return "Not Modified";
  case 307: return "Temporary Redirect";
  case 308: return "Permanent Redirect";
  case 400: return "Bad Request";
  case 401: return "Unauthorized";
  case 403: return "Forbidden";
  case 404: return "Not Found";
  case 405: return "Method Not Allowed";
  case 408: return "Request Timeout";
  case 409: return "Conflict";
  case 410: return "Gone";
  case 411: return "Length Required";
  case 412: return "Precondition Failed";
  case 413: return "Content Too Large";
  case 414: return "URI Too Long";
  case 415: return "Unsupported Media Type";
  case 416: return "Range Not Satisfiable";
  case 417: return "Expectation Failed";
  case 422: return "Unprocessable Content";
  case 429: return "Too Many Requests";
  case 431: return "Request Header Fields Too Large";
  case 500: return "Internal Server Error";
  case 501: return "Not Implemented";
  case 502: return "Bad Gateway";
  case 503: return "Service Unavailable";
  case 504: return "Gateway Timeout";
  case 505: return "HTTP Version Not Supported";
  default: return "Unknown";
  }
}

}  // namespace

std::string response_head(unsigned status, const Fields &fields)
{
  std::string head =
      "HTTP/1.1 " + std::to_string(status) + ' ' + reason_phrase(status) +
      "\r\nServer: " PACKAGE "/" VERSION "\r\nDate: " + http_date(time(nullptr)) + "\r\n";
  for (const auto &[name, value] : fields) {
    head.append(name).append(": ");
    for (const char c : value)
      head += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
    head += "\r\n";
  }
  return head + "\r\n";
}

Response error_response(unsigned status, std::string_view sentence)
{
  const auto title = std::to_string(status) + ' ' + reason_phrase(status);
  return {status,
          {{"Content-Type", "text/html; charset=utf-8"}, {"Cache-Control", "no-store"}},
          "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\">"
          "<meta name=\"viewport\" content=\"width=device-width\">"
          "<meta name=\"color-scheme\" content=\"light dark\"><title>" +
              title +
              "</title>\n<body style=\"font:1.1rem system-ui;max-width:36rem;margin:15vh "
              "auto;padding:0 1rem\"><h1>" +
              title + "</h1>\n<p>" + xml_text(sentence) + ".</p></body></html>\n"};
}

ConnectionCount::Key ConnectionCount::key_of(const net::Endpoint &peer)
{
  if (peer.family() == net::Family::ipv4)
    return {0, peer.ipv4().s_addr};
  if (peer.family() != net::Family::ipv6)
    return {0, 0};
  std::uint64_t network = 0;
  std::memcpy(&network, peer.ipv6().s6_addr, sizeof network);
  return {1, network};
}

std::size_t ConnectionCount::of(const net::Endpoint &peer) const
{
  const auto found = by_address_.find(key_of(peer));
  return found == by_address_.end() ? 0 : found->second;
}

ConnectionCount::Ticket::Ticket(std::shared_ptr<ConnectionCount> count,
                                const net::Endpoint &peer)
    : count_{std::move(count)}, key_{key_of(peer)}
{
  ++count_->by_address_[key_];
  ++count_->total_;
}

ConnectionCount::Ticket::~Ticket()
{
  if (!count_)
    return;
  --count_->total_;
  const auto found = count_->by_address_.find(key_);
  if (--found->second == 0)
    count_->by_address_.erase(found);
}

}  // namespace kam::http
