// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/station_documents.hpp"

#include "core/utf8.hpp"

namespace kam::http {
namespace {

std::string one_line(std::string_view text)
{
  std::string line = utf8_of(text);
  for (auto &c : line)
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f')
      c = ' ';
  return line;
}

// Members of an object, or items of an array, with their commas.
class JsonList {
 public:
  JsonList &add(std::string_view key, std::string_view text)
  {
    return add_raw(key, json_string(text));
  }
  JsonList &add(std::string_view key, std::uint64_t number)
  {
    return add_raw(key, std::to_string(number));
  }
  JsonList &add_raw(std::string_view key, std::string_view value)
  {
    if (!text_.empty())
      text_ += ',';
    if (!key.empty())
      text_.append(json_string(key)).append(":");
    text_ += value;
    return *this;
  }
  std::string object() const { return '{' + text_ + '}'; }
  std::string array() const { return '[' + text_ + ']'; }

 private:
  std::string text_;
};

std::string source_json(const StreamFacts &stream, std::string_view base)
{
  JsonList source;
  if (stream.bitrate > 0)
    source.add("bitrate", (stream.bitrate + 500) / 1000);
  source.add("genre", stream.genre.empty() ? "various" : stream.genre)
      .add("listener_peak", stream.peak_listeners)
      .add("listeners", stream.listeners)
      .add("listenurl", std::string{base} + stream.mount)
      .add("server_description", stream.description)
      .add("server_name", stream.name)
      .add("server_type", stream.content_type);
  if (!stream.url.empty())
    source.add("server_url", stream.url);
  source.add("stream_start_iso8601", stream.started)
      .add("title", stream.title)
      .add("total_bytes_sent", stream.bytes_sent)
      .add_raw("dummy", "null");
  return source.object();
}

}  // namespace

std::string m3u_of(const StreamFacts &stream, std::string_view address)
{
  return "#EXTM3U\n#EXTINF:-1," + one_line(stream.name) + '\n' + std::string{address} + '\n';
}

std::string pls_of(const StreamFacts &stream, std::string_view address)
{
  return "[playlist]\nNumberOfEntries=1\nFile1=" + std::string{address} +
         "\nTitle1=" + one_line(stream.name) + "\nLength1=-1\nVersion=2\n";
}

std::string xspf_of(const StreamFacts &stream, std::string_view address)
{
  const auto element = [](std::string_view name, std::string_view text) {
    return text.empty() ? std::string{}
                        : '<' + std::string{name} + '>' + xml_text(text) + "</" +
                              std::string{name} + ">\n";
  };
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
         "<playlist version=\"1\" xmlns=\"http://xspf.org/ns/0/\">\n" +
         element("title", stream.name) + "<trackList><track>\n" + element("location", address) +
         element("creator", stream.name) + element("title", stream.title) +
         element("annotation", stream.description) + element("info", stream.url) +
         "</track></trackList>\n</playlist>\n";
}

std::string status_json(const std::vector<StreamFacts> &streams, std::string_view base,
                        std::string_view server_id, std::string_view server_started)
{
  JsonList station;
  station.add("server_id", server_id).add("server_start_iso8601", server_started);
  if (streams.size() == 1)
    station.add_raw("source", source_json(streams.front(), base));
  if (streams.size() > 1) {
    JsonList sources;
    for (const auto &stream : streams)
      sources.add_raw({}, source_json(stream, base));
    station.add_raw("source", sources.array());
  }
  return JsonList{}.add_raw("icestats", station.object()).object();
}

std::string json_string(std::string_view text)
{
  constexpr std::string_view digits = "0123456789abcdef";
  std::string result = "\"";
  for (const char c : utf8_of(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (byte < ' ' || c == '<' || c == '\x7f') {
      // '<' because "</script>" would end what it stands in.
      result += "\\u00";
      result += digits[byte >> 4U];
      result += digits[byte & 15U];
    } else {
      result += c;
    }
  }
  return result + '"';
}

std::string xml_text(std::string_view text)
{
  std::string result;
  for (const char c : utf8_of(text)) {
    switch (c) {
    case '<': result += "&lt;"; break;
    case '>': result += "&gt;"; break;
    case '&': result += "&amp;"; break;
    case '"': result += "&quot;"; break;
    case '\'': result += "&#39;"; break;
    default: result += static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\n' ? ' ' : c;
    }
  }
  return result;
}

}  // namespace kam::http
