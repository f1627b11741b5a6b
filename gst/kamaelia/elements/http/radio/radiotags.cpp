// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/radio/radiotags.hpp"

#include "core/http/response_head.hpp"
#include "core/icy/text.hpp"
#include "core/utf8.hpp"

#include <gst/tag/tag.h>

#include <algorithm>
#include <utility>

namespace kam::icy {
namespace {

TagListPtr new_tags()
{
  auto *tags = gst_tag_list_new_empty();
  gst_tag_list_set_scope(tags, GST_TAG_SCOPE_GLOBAL);
  return TagListPtr::adopt(tags);
}

// GStreamer wants no empty strings in tags.
void add(const TagListPtr &tags, const char *tag, const std::string &text)
{
  if (!text.empty())
    gst_tag_list_add(tags.get(), GST_TAG_MERGE_APPEND, tag, text.c_str(), nullptr);
}

void add_extended(const TagListPtr &tags, const std::string &key, const std::string &value)
{
  add(tags, GST_TAG_EXTENDED_COMMENT, key + "=" + value);
}

}  // namespace

TextDecoder::TextDecoder(const std::string &charset, std::string_view address)
{
  if (!charset.empty())
    charsets_.push_back(charset);
  if (const auto named = charset_of_address(address))
    charsets_.emplace_back(*named);
  const char *locale = nullptr;
  if (!g_get_charset(&locale) && !g_str_equal(locale, "ANSI_X3.4-1968"))
    charsets_.emplace_back(locale);
}

std::string TextDecoder::decode(std::string_view text) const
{
  std::string clean{text};
  std::erase(clean, '\0');
  const bool may_be_utf8 = charsets_.empty() || !has_escapes(clean);
  if (may_be_utf8 && is_utf8(clean))
    return clean;
  for (const auto &charset : charsets_) {
    const glue::StringPtr converted{g_convert(clean.data(), static_cast<gssize>(clean.size()),
                                              "UTF-8", charset.c_str(), nullptr, nullptr,
                                              nullptr)};
    if (converted && is_utf8(converted.get()))
      return converted.get();
  }
  return is_utf8(clean) ? clean : utf8_of_latin1(clean);
}

void RadioTags::set_station(const StationText &station, const TextDecoder &decoder)
{
  station_ = new_tags();
  add(station_, GST_TAG_ORGANIZATION, decoder.decode(station.name));
  add(station_, GST_TAG_GENRE, decoder.decode(station.genre));
  add(station_, GST_TAG_LOCATION, decoder.decode(station.url));
  add(station_, GST_TAG_DESCRIPTION, decoder.decode(station.description));
  constexpr std::uint64_t most = 100'000;
  const auto kbits = http::decimal(station.bitrate.substr(0, station.bitrate.find(',')));
  if (kbits && *kbits > 0 && *kbits < most)
    gst_tag_list_add(station_.get(), GST_TAG_MERGE_REPLACE, GST_TAG_NOMINAL_BITRATE,
                     static_cast<guint>(*kbits * 1000), nullptr);
}

GstEvent *RadioTags::set_title(const std::vector<MetadataField> &fields,
                               const TextDecoder &decoder)
{
  playing_ = new_tags();
  title_ = {};
  for (const auto &field : fields) {
    const auto value = decoder.decode(field.value);
    if (field.key == "StreamTitle")
      title_.text = value;
    else if (field.key == "StreamUrl")
      title_.url = value;
    else
      add_extended(playing_, field.key, value);
  }
  if (!title_.url.empty())
    add(playing_, GST_TAG_HOMEPAGE, title_.url);
  const auto split = split_title_ ? split_title(title_.text) : SplitTitle{{}, title_.text};
  add(playing_, GST_TAG_ARTIST, std::string{split.artist});
  add(playing_, GST_TAG_TITLE, std::string{split.title});
  return event();
}

GstEvent *RadioTags::set_comments(const std::vector<std::string> &lines)
{
  playing_ = new_tags();
  title_ = {};
  std::string artist;
  std::string title;
  for (const auto &line : lines) {
    const auto equals = line.find('=');
    if (equals == std::string::npos || equals == 0 || !is_utf8(line) ||
        equals + 1 == line.size())
      continue;
    const auto key = line.substr(0, equals);
    const auto value = line.substr(equals + 1);
    gst_vorbis_tag_add(playing_.get(), key.c_str(), value.c_str());
    if (g_ascii_strcasecmp(key.c_str(), "artist") == 0)
      artist = value;
    else if (g_ascii_strcasecmp(key.c_str(), "title") == 0)
      title = value;
  }
  title_.text = artist.empty() || title.empty() ? artist + title : artist + " - " + title;
  return event();
}

GstEvent *RadioTags::event() const
{
  auto *all = gst_tag_list_merge(station_.get(), playing_.get(), GST_TAG_MERGE_APPEND);
  if (!all)
    all = new_tags().release();
  return gst_event_new_tag(all);
}

}  // namespace kam::icy
