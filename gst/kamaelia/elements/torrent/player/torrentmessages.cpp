// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/player/torrentmessages.hpp"

namespace kam {

namespace {

void append_file(GValue *array, const torrent::File &file, guint index)
{
  GValue value = G_VALUE_INIT;
  g_value_init(&value, GST_TYPE_STRUCTURE);
  g_value_take_boxed(&value, gst_structure_new("file", "index", G_TYPE_UINT, index, "path",
                                               G_TYPE_STRING, file.path.c_str(), "size",
                                               G_TYPE_UINT64, guint64{file.size}, nullptr));
  gst_value_array_append_and_take_value(array, &value);
}

}  // namespace

glue::StructurePtr contents_structure(const char *name, const torrent::Contents *contents)
{
  const torrent::Contents nothing;
  const auto &c = contents ? *contents : nothing;
  glue::StructurePtr structure{gst_structure_new(
      name, "name", G_TYPE_STRING, c.name.c_str(), "comment", G_TYPE_STRING, c.comment.c_str(),
      "created-by", G_TYPE_STRING, c.created_by.c_str(), "private", G_TYPE_BOOLEAN,
      gboolean{c.is_private}, "size", G_TYPE_UINT64, guint64{c.size}, "piece-length",
      G_TYPE_UINT, guint{c.piece_length}, "pieces", G_TYPE_UINT, guint{c.piece_count}, "v1",
      G_TYPE_BOOLEAN, gboolean{c.has_v1}, "v2", G_TYPE_BOOLEAN, gboolean{c.has_v2}, nullptr)};
  GValue files = G_VALUE_INIT;
  g_value_init(&files, GST_TYPE_ARRAY);
  for (guint i = 0; i < c.files.size(); ++i)
    append_file(&files, c.files[i], i);
  gst_structure_take_value(structure.get(), "files", &files);
  return structure;
}

glue::StructurePtr status_structure(const char *name, const torrent::TorrentStatus &s)
{
  return glue::StructurePtr{gst_structure_new(
      name, "state", G_TYPE_STRING, torrent::name_of(s.state), "fraction-done", G_TYPE_DOUBLE,
      s.fraction_done, "wanted", G_TYPE_UINT64, guint64{s.wanted}, "wanted-done", G_TYPE_UINT64,
      guint64{s.wanted_done}, "downloaded", G_TYPE_UINT64, guint64{s.downloaded}, "uploaded",
      G_TYPE_UINT64, guint64{s.uploaded}, "redundant", G_TYPE_UINT64, guint64{s.redundant},
      "failed", G_TYPE_UINT64, guint64{s.failed}, "download-rate", G_TYPE_UINT,
      guint{s.download_rate}, "upload-rate", G_TYPE_UINT, guint{s.upload_rate}, "peers",
      G_TYPE_UINT, guint{s.peers}, "seeds", G_TYPE_UINT, guint{s.seeds}, "known-peers",
      G_TYPE_UINT, guint{s.known_peers}, "tracker-error", G_TYPE_STRING,
      s.tracker_error.c_str(), nullptr)};
}

void tell_title(GstElement *element, GstPad *pad, const std::string &title)
{
  if (title.empty() || !g_utf8_validate(title.c_str(), gssize(title.size()), nullptr))
    return;
  auto *tags = gst_tag_list_new(GST_TAG_TITLE, title.c_str(), nullptr);
  gst_tag_list_set_scope(tags, GST_TAG_SCOPE_GLOBAL);
  if (pad)
    gst_pad_push_event(pad, gst_event_new_tag(gst_tag_list_ref(tags)));
  gst_element_post_message(element, gst_message_new_tag(GST_OBJECT(element), tags));
}

}  // namespace kam
