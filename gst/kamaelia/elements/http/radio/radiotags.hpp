// SPDX-License-Identifier: LGPL-2.1-or-later
// What a station says about itself and about what it plays, as tags.
#pragma once

#include "core/icy/metadata.hpp"
#include "core/icy/station_text.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <string>
#include <string_view>
#include <vector>

namespace kam::icy {

using TagListPtr = glue::Ref<GstTagList>;

// Text of unknown encoding: UTF-8 if it can be that, else the first of these character sets
// that it can be, else Latin-1.
class TextDecoder {
 public:
  // `charset` is what the user says, or "#charset=" of the address; empty if nobody does.
  TextDecoder(const std::string &charset, std::string_view address);
  std::string decode(std::string_view text) const;

 private:
  std::vector<std::string> charsets_;
};

struct Title {
  std::string text;
  std::string url;
};

// Keeps the tags of the station, and adds those of what it plays now.
class RadioTags {
 public:
  explicit RadioTags(bool split_title) : split_title_{split_title} {}

  void set_station(const StationText &station, const TextDecoder &decoder);
  void set_split_title(bool split) { split_title_ = split; }

  // Tag events with all there is now; a title that is empty is not among them.
  GstEvent *event() const;
  GstEvent *set_title(const std::vector<MetadataField> &fields, const TextDecoder &decoder);
  GstEvent *set_comments(const std::vector<std::string> &lines);
  const Title &title() const { return title_; }

 private:
  bool split_title_;
  TagListPtr station_;
  TagListPtr playing_;
  Title title_;
};

}  // namespace kam::icy
