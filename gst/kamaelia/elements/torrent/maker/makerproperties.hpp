// SPDX-License-Identifier: LGPL-2.1-or-later
// What the elements that make torrents can be told alike.
#pragma once

#include "elements/torrent/maker/torrentmaker.hpp"
#include "elements/torrent/maker/torrentrecorder.hpp"
#include "glue/properties.hpp"

#include <gst/gst.h>

#include <cstdint>
#include <optional>
#include <string>

template <>
struct kam::glue::GTypeOf<kam::torrent::Format> {
  static GType type();
};

namespace kam {

struct MakerValues {
  guint piece_size = 0;
  torrent::Format format = torrent::Format::v1;
  std::string title;
  std::string comment = "Created by Kamaelia";
  std::string created_by = this_program();
  bool creation_date = true;
  bool is_private = false;
  std::string source;
  std::string trackers;
  std::string web_seeds;

  static const char *this_program();
};

// What is wrong with them, for the user.
std::optional<std::string> problem_of(const MakerValues &values);

torrent::Description description_of(const MakerValues &values, const std::string &file_name);

// The message "torrent-created"; what is empty is left out.
GstMessage *torrent_created_message(GstElement *element, const torrent::MadeTorrent &made,
                                    const TorrentPlaces &places);

// The signal torrent-created(GBytes metainfo, gchararray info-hash, gchararray magnet).
guint install_torrent_created(GType type);
void emit_torrent_created(GstElement *element, guint signal, const torrent::MadeTorrent &made);

bool is_piece_size_or_automatic(guint bytes);

template <class Impl, class Values>
void add_maker(glue::Properties<Impl, Values> &table)
{
  using glue::Mutable;
  const auto of = []<class Value>(Value MakerValues::*member) {
    return static_cast<Value Values::*>(member);
  };
  table
      .add_checked(
          "piece-size", of(&MakerValues::piece_size),
          "Bytes of a piece, a power of two from 16384; 0: by the size of the data, or "
          "1048576 if upstream does not know it",
          Mutable::in_ready, is_piece_size_or_automatic, {0, torrent::max_piece_size})
      .add("format", of(&MakerValues::format), "Which clients can read the torrent",
           Mutable::in_ready)
      .add("title", of(&MakerValues::title), "Title for people; not set: none",
           Mutable::in_ready)
      .add("comment", of(&MakerValues::comment), "Comment in the torrent; not set: none",
           Mutable::in_ready)
      .add("created-by", of(&MakerValues::created_by),
           "Which program the torrent says made it; not set: none", Mutable::in_ready)
      .add(
          "creation-date", of(&MakerValues::creation_date),
          "Let the torrent say when it was made; without, the same data makes the same torrent",
          Mutable::in_ready)
      .add("private", of(&MakerValues::is_private),
           "Let clients find each other by the torrent's trackers only", Mutable::in_ready)
      .add(
          "source", of(&MakerValues::source),
          "Name that gives the torrent an info-hash of its own, for private trackers; not set: "
          "none",
          Mutable::in_ready)
      .add(
          "trackers", of(&MakerValues::trackers),
          "Addresses (http, https, udp) at which clients find each other, separated by commas or "
          "blanks, tried in this order; not set: none",
          Mutable::in_ready)
      .add("web-seeds", of(&MakerValues::web_seeds),
           "Addresses (http, https) that the file can be had from too, separated by commas or "
           "blanks; not set: none",
           Mutable::in_ready);
}

}  // namespace kam
