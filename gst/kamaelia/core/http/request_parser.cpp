// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/request_parser.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <limits>
#include <utility>

namespace kam::http {
namespace {

// Longest line between two chunks: a size, and extensions that nobody uses.
constexpr std::size_t max_chunk_line = 4096;
constexpr std::string_view blanks = " \t";

bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

char lower(char c)
{
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string lowered(std::string_view text)
{
  std::string result{text};
  std::ranges::transform(result, result.begin(), lower);
  return result;
}

// What names, methods and protocols are made of: RFC 9110, section 5.6.2.
bool is_token(std::string_view text)
{
  static constexpr auto allowed = [] {
    std::array<bool, 256> table{};
    for (const char c :
         std::string_view{"!#$%&'*+-.^_`|~0123456789"
                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"})
      table[static_cast<unsigned char>(c)] = true;
    return table;
  }();
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return allowed[static_cast<unsigned char>(c)];
  });
}

bool is_control(char c)
{
  return static_cast<unsigned char>(c) < ' ' || c == '\x7f';
}

bool is_field_text(std::string_view text)
{
  return std::ranges::none_of(text, [](char c) { return is_control(c) && c != '\t'; });
}

// In any of the four forms: a path, an absolute URI, host and port, or an asterisk.
bool is_target(std::string_view text)
{
  if (text.empty() ||
      std::ranges::any_of(text, [](char c) { return is_control(c) || c == ' '; }))
    return false;
  return text.front() == '/' || text == "*" || text.find(':') != std::string_view::npos;
}

bool is_version(std::string_view text)
{
  return !text.empty() && is_digit(text.front()) && is_digit(text.back()) &&
         std::ranges::all_of(text, [](char c) { return is_digit(c) || c == '.'; });
}

// Without the line end: CR LF, or LF alone.
std::string_view text_of(Bytes line)
{
  auto text = as_text(line);
  text.remove_suffix(1);
  if (text.ends_with('\r'))
    text.remove_suffix(1);
  return text;
}

std::string_view trimmed(std::string_view text)
{
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

struct RequestLine {
  std::string_view method;
  std::string_view uri;
  std::string_view protocol;
  std::string_view version;
};

std::optional<RequestLine> parse_request_line(std::string_view text)
{
  const auto method_end = text.find(' ');
  const auto uri_end = text.rfind(' ');
  if (method_end == std::string_view::npos || method_end == uri_end)
    return std::nullopt;
  const auto protocol = text.substr(uri_end + 1);
  const auto slash = protocol.find('/');
  if (slash == std::string_view::npos)
    return std::nullopt;
  const RequestLine line{.method = text.substr(0, method_end),
                         .uri = text.substr(method_end + 1, uri_end - method_end - 1),
                         .protocol = protocol.substr(0, slash),
                         .version = protocol.substr(slash + 1)};
  if (!is_token(line.method) || !is_target(line.uri) || !is_token(line.protocol) ||
      !is_version(line.version))
    return std::nullopt;
  return line;
}

// A decimal number; one that is too large for the type is as large as the type can say.
std::optional<std::uint64_t> parse_length(std::string_view text)
{
  if (text.empty() || !std::ranges::all_of(text, is_digit))
    return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{})
    return std::numeric_limits<std::uint64_t>::max();
  return value;
}

// HTTP had no chunks before 1.1: who says so may be about to be understood in two ways.
bool knows_chunks(const Request &request)
{
  if (request.protocol != "HTTP")
    return true;
  const char *const version_end = request.version.data() + request.version.size();
  unsigned major = 0;
  unsigned minor = 0;
  const char *at = std::from_chars(request.version.data(), version_end, major).ptr;
  if (at != version_end)
    std::from_chars(at + 1, version_end, minor);
  return major > 1 || (major == 1 && minor > 0);
}

}  // namespace

const std::string *Request::find(std::string_view key) const
{
  const auto found = std::ranges::find(headers, key, &Header::key);
  return found == headers.end() ? nullptr : &found->value;
}

void RequestParser::feed(Bytes input)
{
  input_ = input;
}

std::optional<std::uint64_t> RequestParser::open_since() const
{
  const bool between = state_ == State::idle || state_ == State::lost;
  if (!between && state_ != State::skipping)
    return open_.offset;
  if (between && !line_.empty())
    return offset_ - line_.size();
  return std::nullopt;
}

std::optional<RequestFault> RequestParser::end()
{
  const bool blank = state_ == State::idle && as_text(line_) == "\r";
  const bool open =
      state_ != State::lost && state_ != State::skipping && !blank && open_since().has_value();
  (blank ? stats_.blank_bytes : stats_.bytes_skipped) += line_.size();
  line_ = {};
  input_ = {};
  (void)lose(RequestFault::short_request);
  state_ = State::idle;
  if (open)
    return RequestFault::short_request;
  return std::nullopt;
}

std::optional<RequestParser::Event> RequestParser::poll()
{
  for (;;) {
    std::optional<Event> event;
    if (state_ == State::skipping) {
      if (!skip_line())
        return std::nullopt;
    } else if (state_ == State::body || state_ == State::chunk_data) {
      if (!read_data())
        return std::nullopt;
      if (state_ == State::body)
        return finish();
      state_ = State::chunk_end;
    } else {
      Bytes line;
      switch (read_line(line)) {
      case Found::more: return std::nullopt;
      case Found::too_long: event = handle_long_line(); break;
      case Found::line: event = handle_line(line); break;
      }
    }
    if (event)
      return event;
  }
}

// How long a line may be where we are, with its end.
std::size_t RequestParser::line_limit() const
{
  switch (state_) {
  case State::headers: return limits_.max_header_size - static_cast<std::size_t>(wire_size_);
  case State::trailers: return limits_.max_header_size - extra_size_;
  case State::chunk_size: return std::min(max_chunk_line, limits_.max_header_size);
  case State::chunk_end: return 2;
  default: return limits_.max_header_size;
  }
}

// Looks at every byte once, and takes none of a line that is too long. What is found depends
// on the bytes of the line alone, not on how they came.
RequestParser::Found RequestParser::read_line(Bytes &line)
{
  if (input_.empty())
    return Found::more;
  const auto *const line_end =
      static_cast<const std::byte *>(std::memchr(input_.data(), '\n', input_.size()));
  const auto here =
      line_end ? static_cast<std::size_t>(line_end - input_.data()) + 1 : input_.size();
  if (line_.size() + here > line_limit())
    return Found::too_long;
  if (line_end && line_.empty()) {
    line = input_.first(here);
    consume(here);
    return Found::line;
  }
  const auto piece = input_.first(here);
  line_.insert(line_.end(), piece.begin(), piece.end());
  consume(here);
  if (!line_end)
    return Found::more;
  std::swap(line_, complete_);
  line_.clear();
  line = complete_;
  return Found::line;
}

// The rest of a line that is too long to be anything.
bool RequestParser::skip_line()
{
  if (input_.empty())
    return false;
  const auto *const line_end =
      static_cast<const std::byte *>(std::memchr(input_.data(), '\n', input_.size()));
  const auto size =
      line_end ? static_cast<std::size_t>(line_end - input_.data()) + 1 : input_.size();
  stats_.bytes_skipped += size;
  consume(size);
  if (line_end)
    state_ = State::lost;
  return line_end != nullptr;
}

// False if more is needed. A body that is in one piece stays where it is.
bool RequestParser::read_data()
{
  auto &collected = open_.collected;
  const auto piece = input_.first(std::min(data_missing_, input_.size()));
  consume(piece.size());
  wire_size_ += piece.size();
  if (state_ == State::body && collected.empty() && piece.size() == data_missing_) {
    open_.body = piece;
    open_.in_input = true;
    return true;
  }
  // What is there decides how much memory is taken, not what was declared.
  collected.insert(collected.end(), piece.begin(), piece.end());
  data_missing_ -= piece.size();
  return data_missing_ == 0;
}

void RequestParser::consume(std::size_t size)
{
  input_ = input_.subspan(size);
  offset_ += size;
}

std::optional<RequestParser::Event> RequestParser::handle_line(Bytes line)
{
  switch (state_) {
  case State::idle: return handle_first_line(line);
  case State::headers: return handle_header_line(line);
  case State::chunk_size: return handle_chunk_size(line);
  case State::chunk_end:
    if (as_text(line) != "\r\n")
      return lose_at(RequestFault::bad_chunk, line);
    wire_size_ += line.size();
    state_ = State::chunk_size;
    return std::nullopt;
  case State::trailers: return handle_trailer_line(line);
  default:
    if (!begin_request(line))
      stats_.bytes_skipped += line.size();
    return std::nullopt;
  }
}

std::optional<RequestParser::Event> RequestParser::handle_first_line(Bytes line)
{
  if (text_of(line).empty()) {
    stats_.blank_bytes += line.size();
    return std::nullopt;
  }
  if (begin_request(line))
    return std::nullopt;
  return lose_at(RequestFault::bad_request_line, line);
}

std::optional<RequestParser::Event> RequestParser::handle_header_line(Bytes line)
{
  const auto text = text_of(line);
  if (!text.empty()) {
    if (const auto fault = add_field(open_.headers, text))
      return lose_at(*fault, line);
    wire_size_ += line.size();
    return std::nullopt;
  }
  wire_size_ += line.size();
  if (const auto fault = begin_body())
    return lose(*fault);
  if (state_ == State::body && data_missing_ == 0)
    return finish();
  return std::nullopt;
}

std::optional<RequestParser::Event> RequestParser::handle_trailer_line(Bytes line)
{
  const auto text = text_of(line);
  if (!text.empty())
    if (const auto fault = add_field(open_.trailers, text))
      return lose_at(*fault, line);
  wire_size_ += line.size();
  extra_size_ += line.size();
  if (text.empty())
    return finish();
  return std::nullopt;
}

std::optional<RequestParser::Event> RequestParser::handle_chunk_size(Bytes line)
{
  auto text = as_text(line);
  if (!text.ends_with("\r\n"))
    return lose_at(RequestFault::bad_chunk, line);
  text.remove_suffix(2);
  if (const auto fault = begin_chunk(text))
    return lose_at(*fault, line);
  wire_size_ += line.size();
  return std::nullopt;
}

// The line may still turn out to be a request line, except where that was asked already.
std::optional<RequestParser::Event> RequestParser::handle_long_line()
{
  switch (state_) {
  case State::lost:
    stats_.bytes_skipped += std::exchange(line_, {}).size();
    state_ = State::skipping;
    return std::nullopt;
  case State::chunk_size:
  case State::chunk_end: return lose(RequestFault::bad_chunk);
  default: return lose(RequestFault::oversize_header);
  }
}

// Reads from the head how the body ends: RFC 9112, section 6.3, where it can be read in one
// way only.
std::optional<RequestFault> RequestParser::begin_body()
{
  const auto *const coding = open_.find("transfer-encoding");
  const auto *const length = open_.find("content-length");
  if (coding) {
    if (length || !knows_chunks(open_) || lowered(*coding) != "chunked")
      return RequestFault::bad_encoding;
    state_ = State::chunk_size;
    return std::nullopt;
  }
  if (length)
    return begin_body_of_length(*length);
  state_ = State::body;
  data_missing_ = 0;
  return std::nullopt;
}

// The same length may be said more than once.
std::optional<RequestFault> RequestParser::begin_body_of_length(std::string_view content_length)
{
  std::optional<std::uint64_t> length;
  for (auto rest = content_length;;) {
    const auto comma = rest.find(',');
    const auto one = parse_length(trimmed(rest.substr(0, comma)));
    if (!one || (length && *length != *one))
      return RequestFault::bad_length;
    length = one;
    if (comma == std::string_view::npos)
      break;
    rest.remove_prefix(comma + 1);
  }
  if (*length > limits_.max_body_size)
    return RequestFault::oversize_body;
  state_ = State::body;
  data_missing_ = static_cast<std::size_t>(*length);
  return std::nullopt;
}

std::optional<RequestFault> RequestParser::add_field(std::vector<Header> &fields,
                                                     std::string_view text)
{
  if (++field_lines_ > limits_.max_headers)
    return RequestFault::oversize_header;
  if (!is_field_text(text))
    return RequestFault::bad_header;
  // A folded line (obsolete, RFC 9112, section 5.2) goes on with the one before it.
  if (blanks.find(text.front()) != std::string_view::npos) {
    if (fields.empty())
      return RequestFault::bad_header;
    if (const auto more = trimmed(text); !more.empty())
      fields[last_field_].value.append(" ").append(more);
    return std::nullopt;
  }
  const auto colon = text.find(':');
  const auto name = text.substr(0, colon);
  if (colon == std::string_view::npos || !is_token(name))
    return RequestFault::bad_header;
  const auto value = trimmed(text.substr(colon + 1));
  auto key = lowered(name);
  const auto known = std::ranges::find(fields, key, &Header::key);
  last_field_ = static_cast<std::size_t>(known - fields.begin());
  if (known == fields.end())
    fields.push_back({std::move(key), std::string{name}, std::string{value}});
  else
    known->value.append(", ").append(value);
  return std::nullopt;
}

std::optional<RequestFault> RequestParser::begin_chunk(std::string_view text)
{
  const char *const text_end = text.data() + text.size();
  std::uint64_t size = 0;
  const auto [size_end, error] = std::from_chars(text.data(), text_end, size, 16);
  if (error == std::errc::result_out_of_range)
    return RequestFault::oversize_body;
  if (error != std::errc{})
    return RequestFault::bad_chunk;
  const std::string_view extension{size_end, static_cast<std::size_t>(text_end - size_end)};
  if (!extension.empty() && (!trimmed(extension).starts_with(';') || !is_field_text(extension)))
    return RequestFault::bad_chunk;
  if (extension.size() > limits_.max_header_size - extra_size_)
    return RequestFault::bad_chunk;
  extra_size_ += extension.size();
  if (size > limits_.max_body_size - open_.collected.size())
    return RequestFault::oversize_body;
  data_missing_ = static_cast<std::size_t>(size);
  state_ = size > 0 ? State::chunk_data : State::trailers;
  field_lines_ = 0;
  return std::nullopt;
}

bool RequestParser::begin_request(Bytes line)
{
  const auto parsed = parse_request_line(text_of(line));
  if (!parsed)
    return false;
  open_.method = parsed->method;
  open_.uri = parsed->uri;
  open_.protocol = parsed->protocol;
  open_.version = parsed->version;
  open_.offset = offset_ - line.size();
  wire_size_ = line.size();
  extra_size_ = 0;
  field_lines_ = 0;
  state_ = State::headers;
  return true;
}

RequestParser::Event RequestParser::finish()
{
  if (!open_.in_input)
    open_.body = open_.collected;
  ++stats_.requests;
  stats_.request_bytes += std::exchange(wire_size_, 0);
  state_ = State::idle;
  return std::exchange(open_, {});
}

RequestFault RequestParser::lose(RequestFault fault)
{
  stats_.bytes_skipped += std::exchange(wire_size_, 0);
  open_ = {};
  state_ = State::lost;
  return fault;
}

RequestFault RequestParser::lose_at(RequestFault fault, Bytes line)
{
  (void)lose(fault);
  if (!begin_request(line))
    stats_.bytes_skipped += line.size();
  return fault;
}

}  // namespace kam::http
