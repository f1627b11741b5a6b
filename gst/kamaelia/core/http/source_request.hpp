// SPDX-License-Identifier: LGPL-2.1-or-later
// What those ask of a server who send a stream to it, as Icecast, libshout, ffmpeg and web
// clients have it:
//
//   SOURCE, PUT or POST <mount>      Content-Type, ice-name, ice-genre, …; then the stream
//   GET /admin/metadata?mode=updinfo&mount=<mount>&song=<title>[&charset=…][&url=…]
#pragma once

#include "core/bytes.hpp"
#include "core/http/chunked_body.hpp"
#include "core/http/request_head.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace kam::http {

bool is_source_method(std::string_view method);

// When who sends a stream is told that it is welcome.
enum class Welcome {
  at_once,   // it waits for the answer before it sends
  go_ahead,  // "100 Continue" at once, and the answer at the end
  at_end,
};
Welcome welcome_of(const RequestHead &request);

// Whether nothing will come: libshout asks like this whether it needs a password.
bool is_source_probe(const RequestHead &request);

// The stream in the body of a request: in chunks, of a length, or up to the end of the
// connection.
class SourceBody {
 public:
  explicit SourceBody(const RequestHead &request);

  // Moves the stream's bytes to the beginning of `bytes` and returns how many they are. Once
  // finished() or broken(), the rest is ignored.
  std::size_t decode(MutableBytes bytes);

  bool finished() const;
  // Whether these are no chunks.
  bool broken() const { return framing_ == Framing::chunks && chunks_.broken(); }
  // Whether the end of the connection is that of the stream, and not a loss.
  bool may_end() const { return framing_ == Framing::none || finished(); }

 private:
  enum class Framing { none, length, chunks };

  Framing framing_;
  std::uint64_t left_;  // of a length
  ChunkedBody chunks_;
};

// Another title for a stream that somebody sends; bytes of `charset`.
struct TitleUpdate {
  std::optional<std::string> mount;
  std::string charset;  // empty: nobody says
  std::string title;    // "Artist - Title"
  std::string url;
};
inline constexpr std::string_view title_update_path = "/admin/metadata";
// Nothing if that is not what is asked for, or there is no title in it.
std::optional<TitleUpdate> title_update(const RequestHead &request);

}  // namespace kam::http
