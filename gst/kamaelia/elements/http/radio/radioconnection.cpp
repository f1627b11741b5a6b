// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/radio/radioconnection.hpp"

#include "core/http/uri.hpp"
#include "core/utf8.hpp"
#include "elements/http/radio/radioaddress.hpp"
#include "elements/http/radio/radiodialler.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace kam::http {
namespace {

using glue::Ref;
using glue::StringPtr;
using Kind = RadioFailure::Kind;

constexpr std::size_t read_size = 4096;
constexpr std::uint64_t millisecond = 1'000'000;
constexpr std::uint64_t second = 1000 * millisecond;

bool is_redirect(unsigned status)
{
  constexpr std::array redirects{301U, 302U, 303U, 307U, 308U};
  return std::ranges::find(redirects, status) != redirects.end();
}

}  // namespace

RadioConnection::RadioConnection(GCancellable *cancellable)
    : cancellable_{Ref<GCancellable>::share(cancellable)}
{
  if (!g_cancellable_make_pollfd(cancellable, &cancelled_))
    cancelled_.fd = -1;
}

RadioConnection::~RadioConnection()
{
  close();
  if (cancelled_.fd >= 0)
    g_cancellable_release_fd(cancellable_.get());
}

std::optional<RadioFailure> RadioConnection::open(const std::string &address,
                                                  const Options &options)
{
  close();
  auto uri = parse_radio_address(address);
  if (!uri)
    return RadioFailure{Kind::bad_address, 0, "cannot fetch from " + address};
  requester_.begin(uri.get());
  bool answered = false;
  for (unsigned redirects = 0; redirects <= options.max_redirects;) {
    close();
    const StringPtr shown{g_uri_to_string_partial(
        uri.get(), GUriHideFlags(G_URI_HIDE_USERINFO | G_URI_HIDE_FRAGMENT))};
    address_ = shown.get();
    if (auto failure = exchange(uri.get(), options)) {
      close();
      return failure;
    }
    if (head_.status == SOUP_STATUS_OK)
      return begin_body();
    if (head_.status == SOUP_STATUS_UNAUTHORIZED && !answered) {
      answered = true;
      if (requester_.answer_challenge(uri.get(), head_, options))
        continue;
    }
    const auto *location = is_redirect(head_.status) ? head_.find("location") : nullptr;
    if (!location) {
      close();
      return RadioFailure{Kind::refused, head_.status, utf8_of(head_.reason)};
    }
    const auto target = resolve_uri(address_, escaped_uri(*location));
    uri = target ? parse_radio_address(*target) : UriPtr{};
    if (!uri) {
      close();
      return RadioFailure{Kind::bad_address, 0, "redirected to " + escaped_uri(*location)};
    }
    answered = false;
    ++redirects;
  }
  close();
  return RadioFailure{Kind::too_many_redirects, 0,
                      "after " + std::to_string(options.max_redirects) + " redirects"};
}

std::optional<RadioFailure> RadioConnection::exchange(GUri *uri, const Options &options)
{
  if (auto failure = connect(uri, options))
    return failure;
  if (auto failure = send_request(uri, options))
    return failure;
  if (auto failure = receive_head(options))
    return failure;
  requester_.take_cookies(uri, head_);
  return std::nullopt;
}

std::optional<RadioFailure> RadioConnection::connect(GUri *uri, const Options &options)
{
  auto dialled = dial(uri, options, cancellable_.get());
  if (auto *failure = std::get_if<RadioFailure>(&dialled))
    return std::move(*failure);
  const auto &[connection, through_proxy] = std::get<Dialled>(dialled);
  through_proxy_ = through_proxy;
  stream_ = Ref<GIOStream>::share(G_IO_STREAM(connection.get()));
  socket_ = Ref<GSocket>::share(g_socket_connection_get_socket(connection.get()));
  g_socket_set_timeout(socket_.get(), options.timeout);
  g_socket_set_keepalive(socket_.get(), TRUE);
  silence_ns_ = options.timeout > 0 ? std::optional{options.timeout * second} : std::nullopt;
  if (!is_tls(uri))
    reader_.emplace(g_socket_get_fd(socket_.get()), cancelled_.fd,
                    options.read_interval * millisecond);
  return std::nullopt;
}

std::optional<RadioFailure> RadioConnection::send_request(GUri *uri, const Options &options)
{
  request_fields_ = requester_.fields(uri, options, through_proxy_);
  std::string request = "GET ";
  if (through_proxy_)
    request += origin_of(uri);
  request += target_of(uri) + " HTTP/1.1\r\n";
  for (const auto &[name, value] : request_fields_)
    request.append(name).append(": ").append(value).append("\r\n");
  request += "\r\n";
  g_autoptr(GError) error = nullptr;
  if (!g_output_stream_write_all(g_io_stream_get_output_stream(stream_.get()), request.data(),
                                 request.size(), nullptr, cancellable_.get(), &error))
    return failure_of(error, Kind::lost, cancellable_.get());
  return std::nullopt;
}

std::optional<RadioFailure> RadioConnection::receive_head(const Options &options)
{
  // A server that sends a byte now and then does not get longer than one that sends none.
  const auto deadline = g_get_monotonic_time() + gint64{options.timeout} * G_TIME_SPAN_SECOND;
  constexpr int most_interim = 16;
  early_.clear();
  early_used_ = 0;
  std::size_t used = 0;
  for (int heads = 0; heads < most_interim; ++heads) {
    ResponseHeadParser parser{{}};
    while (parser.state() == ResponseHeadParser::State::reading) {
      used += parser.feed(Bytes{early_}.subspan(used));
      if (parser.state() != ResponseHeadParser::State::reading)
        break;
      if (options.timeout > 0 && g_get_monotonic_time() > deadline)
        return RadioFailure{Kind::stalled, 0, "no whole response head"};
      early_.resize(read_size);
      used = 0;
      const auto got = read_raw(early_);
      if (const auto *failure = std::get_if<RadioFailure>(&got))
        return *failure;
      early_.resize(std::get<std::size_t>(got));
      if (early_.empty())
        return RadioFailure{Kind::lost, 0, "closed before there was a response"};
    }
    if (parser.state() == ResponseHeadParser::State::faulty)
      return RadioFailure{Kind::no_http, 0,
                          parser.fault() == HeadFault::too_large ? "the head is too large"
                                                                 : "no HTTP response"};
    head_ = parser.head();
    early_used_ = used;
    if (head_.status >= 200 || head_.status == SOUP_STATUS_SWITCHING_PROTOCOLS)
      return std::nullopt;
  }
  return RadioFailure{Kind::no_http, 0, "nothing but interim responses"};
}

std::optional<RadioFailure> RadioConnection::begin_body()
{
  chunked_.reset();
  left_.reset();
  if (const auto *encoding = head_.find("transfer-encoding");
      encoding && g_ascii_strcasecmp(encoding->c_str(), "identity") != 0) {
    if (g_ascii_strcasecmp(encoding->c_str(), "chunked") != 0) {
      close();
      return RadioFailure{Kind::no_http, 0, "unknown transfer encoding"};
    }
    chunked_.emplace();
  } else if (const auto *length = head_.find("content-length")) {
    left_ = decimal(*length);
  }
  return std::nullopt;
}

std::variant<std::size_t, RadioFailure> RadioConnection::read_socket(MutableBytes bytes)
{
  const auto got = reader_->read(bytes, silence_ns_);
  if (const auto *size = std::get_if<std::size_t>(&got))
    return *size;
  if (const auto *error = std::get_if<net::Error>(&got))
    return RadioFailure{Kind::lost, 0, error->what};
  return std::get<net::StreamReader::Interruption>(got) ==
                 net::StreamReader::Interruption::silent
             ? RadioFailure{Kind::stalled, 0, "nothing came"}
             : RadioFailure{Kind::cancelled, 0, ""};
}

std::variant<std::size_t, RadioFailure> RadioConnection::read_raw(MutableBytes bytes)
{
  if (reader_)
    return read_socket(bytes);
  g_autoptr(GError) error = nullptr;
  const auto size = g_input_stream_read(g_io_stream_get_input_stream(stream_.get()),
                                        bytes.data(), bytes.size(), cancellable_.get(), &error);
  if (size >= 0)
    return static_cast<std::size_t>(size);
  // Many a server does not say goodbye in TLS.
  if (g_error_matches(error, G_TLS_ERROR, G_TLS_ERROR_EOF))
    return std::size_t{0};
  return failure_of(error, Kind::lost, cancellable_.get());
}

// What came with the head, and then what comes.
std::variant<std::size_t, RadioFailure> RadioConnection::read_wire(MutableBytes bytes)
{
  if (early_used_ == early_.size())
    return read_raw(bytes);
  const auto size = std::min(bytes.size(), early_.size() - early_used_);
  std::memcpy(bytes.data(), early_.data() + early_used_, size);
  early_used_ += size;
  return size;
}

std::variant<std::size_t, RadioFailure> RadioConnection::read(MutableBytes bytes)
{
  for (;;) {
    if (chunked_ && chunked_->broken())
      return RadioFailure{Kind::truncated, 0, "the body is not in chunks as was announced"};
    if (left_ == 0U || (chunked_ && chunked_->finished()))
      return std::size_t{0};
    auto got = read_wire(bytes);
    if (std::holds_alternative<RadioFailure>(got))
      return got;
    auto size = std::get<std::size_t>(got);
    if (size == 0 && (chunked_ || left_))
      return RadioFailure{Kind::truncated, 0, "the body is shorter than was announced"};
    if (size == 0)
      return size;
    if (chunked_) {
      size = chunked_->decode(bytes.first(size));
    } else if (left_) {
      size = static_cast<std::size_t>(std::min<std::uint64_t>(size, *left_));
      *left_ -= size;
    }
    if (size > 0)
      return size;
  }
}

// The socket first: then no layer above it waits for an answer to its goodbye.
void RadioConnection::close()
{
  if (socket_)
    g_socket_close(socket_.get(), nullptr);
  reader_.reset();
  socket_ = {};
  stream_ = {};
}

}  // namespace kam::http
