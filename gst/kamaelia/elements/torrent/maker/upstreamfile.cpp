// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/maker/upstreamfile.hpp"

#include "glue/refs.hpp"

namespace kam {

std::optional<std::uint64_t> upstream_size(GstPad *sink)
{
  gint64 size = -1;
  if (!gst_pad_peer_query_duration(sink, GST_FORMAT_BYTES, &size) || size < 0)
    return {};
  return static_cast<std::uint64_t>(size);
}

std::string upstream_file_name(GstPad *sink)
{
  const auto query = glue::Ref<GstQuery>::adopt(gst_query_new_uri());
  gchar *uri = nullptr;
  if (gst_pad_peer_query(sink, query.get()))
    gst_query_parse_uri(query.get(), &uri);
  const glue::StringPtr owner{uri};
  const glue::StringPtr path{uri ? g_filename_from_uri(uri, nullptr, nullptr) : nullptr};
  const glue::StringPtr name{path ? g_path_get_basename(path.get()) : nullptr};
  return name ? name.get() : "";
}

}  // namespace kam
