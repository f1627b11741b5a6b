// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/framing/frametag.hpp"

#include <array>

namespace kam {

void register_frame_tag_meta()
{
  static const bool registered = [] {
    static std::array<const gchar *, 1> no_tags{nullptr};
    // Without a transform of its own the meta would be lost when a part of the buffer is
    // copied; the tag belongs to the parts as well.
    const auto copy = [](GstBuffer *to, GstCustomMeta *meta, GstBuffer *, GQuark, gpointer,
                         gpointer) -> gboolean {
      const auto *tag = gst_structure_get_string(gst_custom_meta_get_structure(meta), "tag");
      if (tag)
        set_frame_tag(to, tag);
      return TRUE;
    };
    return gst_meta_register_custom(frame_tag_meta, no_tags.data(), copy, nullptr, nullptr) !=
           nullptr;
  }();
  (void)registered;
}

void set_frame_tag(GstBuffer *writable_buffer, std::string_view tag)
{
  auto *meta = gst_buffer_get_custom_meta(writable_buffer, frame_tag_meta);
  if (!meta)
    meta = gst_buffer_add_custom_meta(writable_buffer, frame_tag_meta);
  gst_structure_set(gst_custom_meta_get_structure(meta), "tag", G_TYPE_STRING,
                    std::string{tag}.c_str(), nullptr);
}

const char *frame_tag_of(GstBuffer *buffer)
{
  auto *meta = gst_buffer_get_custom_meta(buffer, frame_tag_meta);
  return meta ? gst_structure_get_string(gst_custom_meta_get_structure(meta), "tag") : nullptr;
}

}  // namespace kam
