// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/playlist.hpp"

#include "core/utf8.hpp"
#include "support/check_main.hpp"
#include "support/random.hpp"

#include <string>

using namespace kam;
using namespace kam::http;

using Format = Playlist::Format;
using Guess = PlaylistGuess;
using Fault = PlaylistFault;

static constexpr auto base = "http://radio.example:8000/lists/all.pls?x=1";

// What was read, one entry per line, or the fault.
static std::string read(std::string_view document, std::string_view type = "text/plain",
                        const PlaylistLimits &limits = {})
{
  const auto result = parse_playlist(as_bytes(document), type, base, limits);
  if (const auto *fault = std::get_if<Fault>(&result))
    return describe(*fault);
  const auto &playlist = std::get<Playlist>(result);
  std::string text{playlist.format == Format::pls   ? "pls"
                   : playlist.format == Format::m3u ? "m3u"
                                                    : "xspf"};
  for (const auto &entry : playlist.entries)
    text += "\n" + entry.uri + (entry.title.empty() ? "" : " " + entry.title);
  if (playlist.left_out > 0)
    text += "\n-" + std::to_string(playlist.left_out);
  return text;
}

static void assert_reads(std::string_view document, std::string_view want,
                         std::string_view type = "text/plain")
{
  const auto got = read(document, type);
  ck_assert_msg(got == want, "%s\n-- became\n%s", std::string{document}.c_str(), got.c_str());
}

START_TEST(reads_pls)
{
  assert_reads(
      "[playlist]\nNumberOfEntries=2\nFile1=http://a/s\nTitle1=One\nLength1=-1\n"
      "File2=https://b:8443/t;\nVersion=2\n",
      "pls\nhttp://a/s One\nhttps://b:8443/t;");
  // As SHOUTcast's directory wrote them: CR LF, blanks, other cases, numbers out of order.
  assert_reads(
      "\xef\xbb\xbf\r\n [Playlist]\r\nfile10 = http://c/\r\nTITLE2=Two = 2\r\n"
      "FILE2= http://b/ \r\nFile3=\r\n",
      "pls\nhttp://b/ Two = 2\nhttp://c/");
  // Of two with one number the first counts.
  assert_reads("[playlist]\nFile1=http://a/\nFile1=http://b/\nTitle1=A\nTitle1=B",
               "pls\nhttp://a/ A");
  // No header, but the server says what it is.
  assert_reads("File1=http://a/s", "pls\nhttp://a/s", "audio/x-scpls; charset=utf-8");
  assert_reads("[playlist]\rFile1=http://a/\rFile2=http://b/", "pls\nhttp://a/\nhttp://b/",
               "audio/mpeg");
  assert_reads("[playlist]\nFileX=http://a/\nFile=http://b/\nFile99999999999=http://c/\n",
               "names no stream");
}
END_TEST

START_TEST(reads_m3u)
{
  assert_reads("#EXTM3U\n#EXTINF:-1,One\nhttp://a/s\n\n# said twice\nhttp://b/t\n",
               "m3u\nhttp://a/s One\nhttp://b/t");
  assert_reads("http://a/s\r\nhttp://b/t\r\n", "m3u\nhttp://a/s\nhttp://b/t");
  assert_reads("HTTP://A/s", "m3u\nHTTP://A/s");
  assert_reads("icy://a/s\nicecasts://b/", "m3u\nicy://a/s\nicecasts://b/");
  assert_reads("#EXTM3U\r#EXTINF:-1 tvg-id=\"x,y\" group=\"g\" , A, B \rhttp://a/\r",
               "m3u\nhttp://a/ A, B");
  assert_reads("#EXTM3U\n#EXTINF:-1 tvg=\"open, A\nhttp://a/\n", "m3u\nhttp://a/ A");
  assert_reads("#EXTM3U\n#EXTINF:-1\nhttp://a/\n#EXTINF:-1,\nhttp://b/",
               "m3u\nhttp://a/\nhttp://b/");
  assert_reads("stream.mp3\n", "m3u\nhttp://radio.example:8000/lists/stream.mp3",
               "audio/x-mpegurl");
  assert_reads("# curl -i\nhttp://a/s", "m3u\nhttp://a/s", "text/uri-list");
}
END_TEST

START_TEST(reads_xspf)
{
  // As icecast 2.4 writes it.
  assert_reads(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<playlist xmlns=\"http://xspf.org/ns/0/\" version=\"1\">\n  <title/>\n"
      "  <creator/>\n  <trackList>\n    <track>\n"
      "      <location>http://localhost:8000/s</location>\n"
      "      <title>Simon &amp; G</title>\n      <annotation>no</annotation>\n"
      "    </track>\n  </trackList>\n</playlist>\n",
      "xspf\nhttp://localhost:8000/s Simon & G", "application/xspf+xml");
  // The title may come first, or be that of the list; a track may be at several places.
  assert_reads(
      "<x:playlist><x:title>no</x:title><x:trackList><x:track><x:title>T</x:title>"
      "<x:location>\n a \n</x:location><x:location>http://b/</x:location></x:track>"
      "<x:track><x:location>/c?d=1&amp;e=2</x:location></x:track></x:trackList>"
      "</x:playlist>",
      "xspf\nhttp://radio.example:8000/lists/a T\nhttp://b/ T\n"
      "http://radio.example:8000/c?d=1&e=2");
  assert_reads(
      "<!-- <a> --><!DOCTYPE playlist [<!ENTITY b \">'\"><!ELEMENT c ANY>]>"
      "<playlist a='>' b=\"<\"><track><location><![CDATA[http://a/?b&c]]></location>"
      "<title>&lt;&#65;&#x20ac;&b;&nope&#xd800;&#0;&;&gt;</title></track></playlist>",
      "xspf\nhttp://a/?b&c <A\xe2\x82\xac&b;&nope&#xd800;&#0;&;>");
  // Only what is directly in a track.
  assert_reads(
      "<playlist><location>http://no/</location><track><extension><location>"
      "http://no/</location></extension><location/></track></playlist>",
      "names no stream");
}
END_TEST

// Something is better than nothing, and XML that stops in the middle has had its tracks.
START_TEST(reads_damaged_xspf_as_far_as_it_goes)
{
  const std::string good = "<playlist><track><location>http://a/</location></track>";
  for (const auto *rest : {"", "<track><location>http://b/</location>", "</track>", "<", "<!--",
                           "<![CDATA[", "<!DOCTYPE [", "<?", "<a b='>", "< >", "<a <b>"}) {
    assert_reads(good + rest, "xspf\nhttp://a/");
    assert_reads(std::string{"<playlist>"} + rest, "is damaged");
  }
  std::string deep = "<playlist>";
  for (int i = 0; i < 1000; ++i)
    deep += "<a>";
  assert_reads(deep + "<track><location>http://a/</location></track>", "is damaged");
}
END_TEST

START_TEST(reads_titles_in_any_encoding)
{
  assert_reads("[playlist]\nFile1=http://a/\nTitle1=Radio \xd6sterreich\n",
               "pls\nhttp://a/ Radio \xc3\x96sterreich");
  assert_reads(
      "#EXTM3U\n#EXTINF:-1,Radio \xc3\x96sterreich\nhttp://a/\n"
      "#EXTINF:-1,R\xd6\nhttp://b/",
      "m3u\nhttp://a/ Radio \xc3\x96sterreich\nhttp://b/ R\xc3\x96");
  assert_reads(
      "<playlist><track><title>\xd6</title><location>http://a/\xd6</location></track>"
      "</playlist>",
      "xspf\nhttp://a/%D6 \xc3\x96");
}
END_TEST

START_TEST(leaves_out_what_is_no_stream)
{
  assert_reads(
      "#EXTM3U\nfile:///etc/passwd\nC:\\music\\a.mp3\nrtsp://a/\nhttp:///x\nhttp://\n"
      "mailto:a@b\njavascript:1\nhttp://a/s\nhttp:relative\n",
      "m3u\nhttp://a/s\n-8");
  assert_reads("#EXTM3U\nfile:///etc/passwd\n", "names no stream");
  assert_reads("#EXTM3U\n", "names no stream");
  assert_reads("", "names no stream", "audio/x-mpegurl");
  assert_reads("[playlist]", "names no stream");
  assert_reads("<playlist><track><location> </location></track></playlist>", "names no stream");
  const auto nowhere = parse_playlist(as_bytes("#EXTM3U\nstream\n"), "", "", {});
  ck_assert(std::get<Fault>(nowhere) == Fault::no_entries);
}
END_TEST

START_TEST(tells_hls_apart)
{
  const auto *const media = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nhttp://a/1.ts\n";
  assert_reads(media, "lists the segments of an HLS stream");
  assert_reads(media, "lists the segments of an HLS stream", "application/vnd.apple.mpegurl");
  assert_reads("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow.m3u8\n",
               "lists the segments of an HLS stream");
  assert_reads("#EXTM3U\n#EXTINF:-1,#EXT-X-\nhttp://a/\n", "m3u\nhttp://a/ #EXT-X-");
}
END_TEST

START_TEST(takes_nothing_else_for_a_playlist)
{
  const auto *const html = "<!DOCTYPE html>\n<html><a href=\"http://a/\">x</a></html>";
  for (const auto *type : {"", "text/html", "text/plain", "audio/x-mpegurl", "audio/x-scpls",
                           "application/xspf+xml", "audio/mpeg"})
    assert_reads(html, "is something else", type);
  assert_reads("", "is something else");
  assert_reads("http://a/s\n", "is something else", "text/html");
  assert_reads("http://a/s\n", "is something else", "audio/mpeg");
  assert_reads("just words\nhttp://a/\n", "is something else");
  assert_reads("# just words", "is something else");
  assert_reads({"#EXTM3U\n\0http://a/", 18}, "is something else");
  assert_reads("\xff\xfe#\0E\0X\0T\0", "is something else");
  assert_reads("<rss><playlist/></rss>", "is something else", "application/xml");
}
END_TEST

START_TEST(keeps_the_limits)
{
  std::string huge = "#EXTM3U\n";
  while (huge.size() < (std::size_t{10} << 20U))
    huge += "http://a/" + std::to_string(huge.size()) + "\n";
  assert_reads(huge, "is too large");
  const auto fits = huge.substr(0, std::size_t{64} << 10U);
  const auto result = parse_playlist(as_bytes(fits), "", base, {});
  ck_assert_uint_eq(std::get<Playlist>(result).entries.size(), 256);

  const PlaylistLimits limits{
      .max_size = 1000, .max_entries = 2, .max_uri_size = 40, .max_title_size = 5};
  const auto assert_reads_within = [&limits](const std::string &document,
                                             std::string_view want) {
    const auto got = read(document, "", limits);
    ck_assert_msg(got == want, "%s", got.c_str());
  };
  assert_reads_within("#EXTM3U\n#EXTINF:,abcd\xc3\xb6\nhttp://a/\nhttp://a/" +
                          std::string(40, 'x') + "\n#EXTINF:,\xd6\xd6\xd6\xd6\nhttp://b/\n" +
                          "http://c/\n",
                      "m3u\nhttp://a/ abcd\nhttp://b/ \xc3\x96\xc3\x96\n-1");
  // A relative one that becomes too long.
  assert_reads_within("#EXTM3U\n" + std::string(20, 'x') + "\n", "names no stream");
  // Escaping makes three bytes of one.
  assert_reads_within("#EXTM3U\nhttp://a/" + std::string(20, '\xd6'), "names no stream");
}
END_TEST

START_TEST(guesses_from_the_beginning)
{
  const auto guess = [](std::string_view beginning, std::string_view type = "") {
    return guess_playlist(as_bytes(beginning), type);
  };
  for (const std::string_view whole :
       {"#EXTM3U", "[playlist]", "\xef\xbb\xbf  [PlayList]",
        "<?xml version='1.0'?>\n<playlist>", "# comment\nhttp://a"}) {
    for (std::size_t size = 0; size < whole.size(); ++size)
      ck_assert_msg(guess(whole.substr(0, size)) == Guess::undecided, "%zu bytes of %s", size,
                    whole.data());
    ck_assert_msg(guess(whole) == Guess::yes, "%s", whole.data());
  }
  for (const std::string_view audio : {"ID3\x04", "\xff\xfb\x90", "OggS", "fLaC", "RIFF"})
    for (const auto *type : {"", "audio/mpeg", "application/octet-stream"})
      ck_assert_msg(guess(audio, type) == Guess::no, "%s as %s", audio.data(), type);
  ck_assert(guess(std::string_view{"ID3\0\0", 5}, "audio/x-mpegurl") == Guess::no);
  ck_assert(guess("anything", "Audio/X-MpegURL ;charset=x") == Guess::yes);
  ck_assert(guess("<html>", "audio/x-mpegurl") == Guess::no);
  ck_assert(guess("http://a", "audio/mpeg") == Guess::no);
  ck_assert(guess("https://") == Guess::undecided);
  ck_assert(guess("xxxxx://") == Guess::no);
  ck_assert(guess(std::string(1023, ' ')) == Guess::undecided);
  ck_assert(guess(std::string(1024, ' ')) == Guess::no);
  ck_assert(guess("#" + std::string(2000, 'x') + "\nhttp://a/") == Guess::no);
}
END_TEST

START_TEST(survives_anything)
{
  const std::string_view parts[] = {
      "#EXTM3U\n", "[playlist]\n", "<playlist>", "<track>", "</track>", "<location>",
      "http://a/", "File1=",       "#EXTINF:",   "Title1=", "\xc3",     "&#x"};
  for (std::uint32_t seed = 0; seed < 5000; ++seed) {
    test::Random random{seed};
    std::string document;
    for (auto left = random.below(20); left > 0; --left) {
      document += parts[random.below(std::size(parts))];
      const auto noise = random.bytes(random.below(8), "<>&;=/\"'\r\n\t ,:#");
      document += as_text(noise);
    }
    const auto result = parse_playlist(as_bytes(document), "", base, {});
    if (const auto *playlist = std::get_if<Playlist>(&result)) {
      ck_assert_msg(!playlist->entries.empty(), "seed %u", seed);
      for (const auto &entry : playlist->entries)
        ck_assert_msg(is_utf8(entry.title) && entry.uri.find(' ') == std::string::npos,
                      "seed %u", seed);
    }
  }
}
END_TEST

CHECK_MAIN("playlist", reads_pls, reads_m3u, reads_xspf, reads_damaged_xspf_as_far_as_it_goes,
           reads_titles_in_any_encoding, leaves_out_what_is_no_stream, tells_hls_apart,
           takes_nothing_else_for_a_playlist, keeps_the_limits, guesses_from_the_beginning,
           survives_anything)
