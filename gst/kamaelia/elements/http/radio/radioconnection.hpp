// SPDX-License-Identifier: LGPL-2.1-or-later
// One GET over a socket of our own. libsoup's sessions replace header bytes that are not UTF-8
// before anybody sees them, and with them the names of stations; its cookies and its
// authentication are used here.
#pragma once

#include "core/bytes.hpp"
#include "core/http/chunked_body.hpp"
#include "core/http/response_head.hpp"
#include "elements/http/radio/radiofailure.hpp"
#include "elements/http/radio/radiooptions.hpp"
#include "elements/http/radio/radiorequester.hpp"
#include "glue/refs.hpp"
#include "net/stream_reader.hpp"

#include <gio/gio.h>

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace kam::http {

class RadioConnection {
 public:
  using Options = RadioOptions;

  explicit RadioConnection(GCancellable *cancellable);
  ~RadioConnection();
  RadioConnection(const RadioConnection &) = delete;
  RadioConnection &operator=(const RadioConnection &) = delete;

  // Connects, asks, follows redirects and answers who wants to know the user, up to a response
  // with status 200. Blocks; the cancellable ends that.
  std::optional<RadioFailure> open(const std::string &address, const Options &options);
  // Bytes of the body: as many as are there, at least one, or none at its end. Blocks.
  std::variant<std::size_t, RadioFailure> read(MutableBytes bytes);
  void close();

  // After open().
  bool is_open() const { return stream_.get() != nullptr; }
  const ResponseHead &head() const { return head_; }
  const std::string &address() const { return address_; }  // behind the redirects
  const HeaderLines &request_fields() const { return request_fields_; }
  // Whether the body has a length, and all of it was read.
  bool is_complete() const { return left_ == 0U; }

 private:
  using Failed = std::optional<RadioFailure>;
  Failed exchange(GUri *uri, const Options &options);
  Failed connect(GUri *uri, const Options &options);
  Failed send_request(GUri *uri, const Options &options);
  Failed receive_head(const Options &options);
  Failed begin_body();
  std::variant<std::size_t, RadioFailure> read_socket(MutableBytes bytes);
  std::variant<std::size_t, RadioFailure> read_raw(MutableBytes bytes);
  std::variant<std::size_t, RadioFailure> read_wire(MutableBytes bytes);

  glue::Ref<GCancellable> cancellable_;
  // Held for as long as this lives: making it anew for each wait costs two system calls.
  GPollFD cancelled_{};
  RadioRequester requester_;
  bool through_proxy_ = false;  // that wants the whole address in the request

  glue::Ref<GIOStream> stream_;
  glue::Ref<GSocket> socket_;
  std::optional<net::StreamReader> reader_;  // of the socket, where there is no TLS
  std::optional<std::uint64_t> silence_ns_;  // that it may keep
  ResponseHead head_;
  std::string address_;
  HeaderLines request_fields_;
  ByteVector early_;  // bytes of the body that came with the head
  std::size_t early_used_ = 0;
  std::optional<ChunkedBody> chunked_;
  std::optional<std::uint64_t> left_;  // of a body with a length
};

}  // namespace kam::http
