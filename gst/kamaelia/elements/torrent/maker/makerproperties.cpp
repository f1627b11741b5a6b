// SPDX-License-Identifier: LGPL-2.1-or-later
#include "config.h"

#include "elements/torrent/maker/makerproperties.hpp"

#include "core/torrent/addresses.hpp"

#include <array>

GType kam::glue::GTypeOf<kam::torrent::Format>::type()
{
  using kam::torrent::Format;
  static constexpr std::array<GEnumValue, 4> values{
      {{gint(Format::v1), "Every client, by SHA-1", "v1"},
       {gint(Format::v2), "Clients of BitTorrent 2.0, by SHA-256", "v2"},
       {gint(Format::hybrid), "Every client, with a second swarm for BitTorrent 2.0", "hybrid"},
       {0, nullptr, nullptr}}};
  static const GType type = register_enum("KamTorrentFormat", values.data());
  return type;
}

namespace kam {

const char *MakerValues::this_program()
{
  return PACKAGE "/" VERSION;
}

bool is_piece_size_or_automatic(guint bytes)
{
  return bytes == 0 || torrent::is_piece_size(bytes);
}

std::optional<std::string> problem_of(const MakerValues &values)
{
  const auto trackers = torrent::split_addresses(values.trackers);
  for (const auto &url : trackers)
    if (!torrent::is_tracker_url(url))
      return "\"" + url + "\" is no address of a tracker: it begins with http, https or udp.";
  for (const auto &url : torrent::split_addresses(values.web_seeds))
    if (!torrent::is_web_seed_url(url))
      return "\"" + url + "\" is no address of a web seed: it begins with http or https.";
  if (values.is_private && trackers.empty())
    return "A private torrent needs a tracker: without one nobody finds it.";
  return {};
}

torrent::Description description_of(const MakerValues &values, const std::string &file_name)
{
  return {
      .format = values.format,
      .file_name = file_name,
      .title = values.title,
      .comment = values.comment,
      .created_by = values.created_by,
      .creation_date = values.creation_date ? g_get_real_time() / G_USEC_PER_SEC : 0,
      .is_private = values.is_private,
      .source = values.source,
      .trackers = torrent::split_addresses(values.trackers),
      .web_seeds = torrent::split_addresses(values.web_seeds),
  };
}

namespace {

GBytes *metainfo_bytes(const torrent::MadeTorrent &made)
{
  return g_bytes_new(made.metainfo.data(), made.metainfo.size());
}

}  // namespace

GstMessage *torrent_created_message(GstElement *element, const torrent::MadeTorrent &made,
                                    const TorrentPlaces &places)
{
  auto *structure = gst_structure_new_empty("torrent-created");
  const auto set = [structure](const char *name, const std::string &text) {
    if (!text.empty())
      gst_structure_set(structure, name, G_TYPE_STRING, text.c_str(), nullptr);
  };
  set("info-hash", made.info_hash);
  set("info-hash-v2", made.info_hash_v2);
  set("magnet", made.magnet);
  set("location", places.location);
  set("torrent-location", places.torrent_location);
  if (places.number > 0)
    gst_structure_set(structure, "number", G_TYPE_UINT64, guint64{places.number}, nullptr);
  const auto metainfo = glue::Ref<GBytes>::adopt(metainfo_bytes(made));
  gst_structure_set(structure, "metainfo", G_TYPE_BYTES, metainfo.get(), nullptr);
  return gst_message_new_element(GST_OBJECT(element), structure);
}

guint install_torrent_created(GType type)
{
  return g_signal_new("torrent-created", type, G_SIGNAL_RUN_LAST, 0, nullptr, nullptr, nullptr,
                      G_TYPE_NONE, 3, G_TYPE_BYTES, G_TYPE_STRING, G_TYPE_STRING);
}

void emit_torrent_created(GstElement *element, guint signal, const torrent::MadeTorrent &made)
{
  const auto metainfo = glue::Ref<GBytes>::adopt(metainfo_bytes(made));
  g_signal_emit(element, signal, 0, metainfo.get(), made.any_info_hash().c_str(),
                made.magnet.c_str());
}

}  // namespace kam
