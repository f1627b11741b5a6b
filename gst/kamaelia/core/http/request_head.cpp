// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/request_head.hpp"

#include "core/http/response_head.hpp"

#include <algorithm>

namespace kam::http {
namespace {

bool is_token_char(char c)
{
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         others.find(c) != std::string_view::npos;
}

bool is_token(std::string_view text)
{
  return !text.empty() && std::ranges::all_of(text, is_token_char);
}

std::string lower(std::string_view text)
{
  std::string result{text};
  for (auto &c : result)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return result;
}

std::string_view trimmed(std::string_view text)
{
  constexpr std::string_view blanks = " \t";
  const auto from = std::min(text.find_first_not_of(blanks), text.size());
  const auto to = text.find_last_not_of(blanks);
  return text.substr(from, to == std::string_view::npos ? 0 : to + 1 - from);
}

bool is_host(std::string_view text)
{
  static constexpr std::string_view others = "-._~:[]%!$&'()*+,;=";
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  });
}

// Whether `option` stands in a list such as that of Connection.
bool has_option(const std::string *list, std::string_view option)
{
  if (!list)
    return false;
  std::string_view rest = *list;
  for (;;) {
    const auto comma = rest.find(',');
    if (lower(trimmed(rest.substr(0, comma))) == option)
      return true;
    if (comma == std::string_view::npos)
      return false;
    rest.remove_prefix(comma + 1);
  }
}

int hex_digit(char c)
{
  constexpr std::string_view digits = "0123456789abcdef";
  const auto at = digits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

const std::string *RequestHead::find(std::string_view key) const
{
  const auto field = std::ranges::find(fields, key, &Field::key);
  return field == fields.end() ? nullptr : &field->value;
}

std::size_t RequestHeadParser::feed(Bytes input)
{
  std::size_t used = 0;
  for (const char c : as_text(input)) {
    if (state_ != State::reading)
      break;
    ++used;
    if (++size_ > limits_.max_size) {
      if (has_request_line_)
        refuse(431, "The header fields are too large");
      else
        refuse(414, "The address is too long");
    } else if (c == '\n') {
      if (!line_.ends_with('\r')) {
        refuse(400, "A line does not end in CR LF");
        break;
      }
      line_.pop_back();
      handle_line();
      line_.clear();
    } else if (line_.ends_with('\r')) {
      refuse(400, "A line has a CR in it");
    } else if (c == '\0' || (static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\r')) {
      refuse(400, "A line has a control character in it");
    } else {
      line_ += c;
    }
  }
  return used;
}

void RequestHeadParser::refuse(unsigned status, const char *reason)
{
  state_ = State::refused;
  status_ = status;
  reason_ = reason;
}

void RequestHeadParser::handle_line()
{
  if (!has_request_line_) {
    // One empty line before it may be what an old client put behind a body.
    if (line_.empty() && size_ == 2)
      return;
    handle_request_line();
  } else if (line_.empty()) {
    handle_end();
  } else {
    handle_field_line();
  }
}

void RequestHeadParser::handle_request_line()
{
  const std::string_view line = line_;
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return refuse(400, "The request line is not method, address and version");
  const auto version = line.substr(last + 1);
  head_.method = line.substr(0, first);
  head_.target = line.substr(first + 1, last - first - 1);
  is_icecast_ = version == "ICE/1.0";
  if (!is_token(head_.method) || head_.method.size() > 32 || head_.target.empty() ||
      !std::ranges::all_of(head_.target, [](char c) { return c > ' ' && c < '\x7f'; }))
    return refuse(400, "The request line is not method, address and version");
  if (version != "HTTP/1.1" && version != "HTTP/1.0" && !is_icecast_) {
    const bool is_http = version.starts_with("HTTP/") && version.size() == 8 &&
                         version[5] >= '0' && version[5] <= '9';
    return is_http ? refuse(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here")
                   : refuse(400, "The request line is not method, address and version");
  }
  if (head_.target.size() > limits_.max_target_size)
    return refuse(414, "The address is too long");
  head_.minor_version = version == "HTTP/1.1" ? 1 : 0;
  has_request_line_ = true;
  handle_target();
}

void RequestHeadParser::handle_target()
{
  std::string_view target = head_.target;
  if (head_.method == "CONNECT")
    return refuse(405, "This is no proxy");
  constexpr std::string_view scheme_end = "://";
  if (const auto scheme = target.find(scheme_end);
      target[0] != '/' && scheme <= std::string_view{"https"}.size()) {
    target.remove_prefix(scheme + scheme_end.size());
    target.remove_prefix(std::min(target.find_first_of("/?"), target.size()));
    if (!target.starts_with('/'))
      head_.path = "/";
  }
  const auto query = target.find('?');
  head_.path += target.substr(0, query);
  if (query != std::string_view::npos)
    head_.query = target.substr(query + 1);
  const bool is_for_all = head_.path == "*" && head_.method == "OPTIONS";
  if (!head_.path.starts_with('/') && !is_for_all)
    return refuse(400, "The address does not begin with a slash");
  if (head_.target.find('#') != std::string_view::npos)
    return refuse(400, "The address has a fragment");
}

void RequestHeadParser::handle_field_line()
{
  const std::string_view line = line_;
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon)))
    return refuse(400, "A header field is not name, colon and value");
  if (head_.fields.size() >= limits_.max_fields)
    return refuse(431, "There are too many header fields");
  head_.fields.push_back(
      {lower(line.substr(0, colon)), std::string{trimmed(line.substr(colon + 1))}});
}

// How the body is delimited has to be said once, or not at all.
bool RequestHeadParser::handle_framing()
{
  const auto count = [this](std::string_view key) {
    return std::ranges::count(head_.fields, key, &RequestHead::Field::key);
  };
  const auto lengths = count("content-length");
  const auto encodings = count("transfer-encoding");
  if (lengths > 1 || encodings > 1 || (lengths > 0 && encodings > 0)) {
    refuse(400, "The length of the body is said more than once");
    return false;
  }
  if (encodings > 0) {
    head_.is_chunked = lower(*head_.find("transfer-encoding")) == "chunked";
    if (!head_.is_chunked)
      refuse(501, "No transfer encoding but chunked is known here");
    else if (head_.minor_version == 0)
      refuse(400, "HTTP/1.0 has no chunks");
  }
  if (lengths > 0) {
    const auto length = decimal(*head_.find("content-length"));
    head_.has_length = true;
    head_.content_length = length.value_or(0);
    if (!length)
      refuse(400, "The length of the body is no number");
  }
  return state_ != State::refused;
}

void RequestHeadParser::handle_end()
{
  const auto hosts = std::ranges::count(head_.fields, "host", &RequestHead::Field::key);
  const auto *host = head_.find("host");
  if (hosts > 1 || (hosts == 0 && head_.minor_version == 1) || (host && !is_host(*host)))
    return refuse(400, "There has to be one host");
  if (!handle_framing())
    return;
  const auto *expectation = head_.find("expect");
  head_.expects_continue = expectation && lower(*expectation) == "100-continue";
  if (expectation && !head_.expects_continue)
    return refuse(417, "That cannot be expected here");
  const auto *connection = head_.find("connection");
  head_.keeps_alive = head_.minor_version == 1 ? !has_option(connection, "close")
                                               : has_option(connection, "keep-alive");
  state_ = State::complete;
}

std::optional<std::string> percent_decoded(std::string_view text, Plus plus)
{
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == Plus::is_blank) {
      result += ' ';
    } else if (text[i] != '%') {
      result += text[i];
    } else {
      const bool is_whole = text.size() - i > 2;
      const auto high = is_whole ? hex_digit(text[i + 1]) : -1;
      const auto low = is_whole ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0 || (high == 0 && low == 0))
        return std::nullopt;
      result += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return result;
}

std::optional<std::string> query_value(std::string_view query, std::string_view name)
{
  while (!query.empty()) {
    const auto part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(part.size() + 1, query.size()));
    const auto equals = part.find('=');
    if (percent_decoded(part.substr(0, equals), Plus::is_blank) == name)
      return percent_decoded(
          equals == std::string_view::npos ? std::string_view{} : part.substr(equals + 1),
          Plus::is_blank);
  }
  return std::nullopt;
}

}  // namespace kam::http
