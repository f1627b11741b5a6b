// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/source_request.hpp"

#include <algorithm>

namespace kam::http {

bool is_source_method(std::string_view method)
{
  return method == "SOURCE" || method == "PUT" || method == "POST";
}

Welcome welcome_of(const RequestHead &request)
{
  if (request.expects_continue)
    return Welcome::go_ahead;
  const bool has_framing = request.has_length || request.is_chunked;
  return has_framing && request.method != "SOURCE" ? Welcome::at_end : Welcome::at_once;
}

bool is_source_probe(const RequestHead &request)
{
  return request.has_length && request.content_length == 0;
}

SourceBody::SourceBody(const RequestHead &request)
    : framing_{request.is_chunked   ? Framing::chunks
               : request.has_length ? Framing::length
                                    : Framing::none},
      left_{request.content_length}
{
}

std::size_t SourceBody::decode(MutableBytes bytes)
{
  switch (framing_) {
  case Framing::none: return bytes.size();
  case Framing::chunks: return chunks_.decode(bytes);
  case Framing::length: break;
  }
  const auto size = std::min<std::uint64_t>(left_, bytes.size());
  left_ -= size;
  return static_cast<std::size_t>(size);
}

bool SourceBody::finished() const
{
  return framing_ == Framing::chunks ? chunks_.finished()
                                     : framing_ == Framing::length && left_ == 0;
}

std::optional<TitleUpdate> title_update(const RequestHead &request)
{
  const auto value = [&request](std::string_view name) {
    return query_value(request.query, name);
  };
  if (request.path != title_update_path || value("mode").value_or("updinfo") != "updinfo")
    return std::nullopt;
  TitleUpdate update{value("mount"), value("charset").value_or(""), {}, {}};
  if (const auto song = value("song")) {
    update.title = *song;
  } else if (const auto title = value("title")) {
    const auto artist = value("artist").value_or("");
    update.title = artist.empty() ? *title : artist + " - " + *title;
  } else {
    return std::nullopt;
  }
  update.url = value("url").value_or("");
  return update;
}

}  // namespace kam::http
