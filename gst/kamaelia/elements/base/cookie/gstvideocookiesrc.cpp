// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/cookie/mediacookiesrc.hpp"
#include "elements/base/elements.hpp"

namespace {

// Kamaelia's SimpleVideoCookieServer, the part that it sends.
struct VideoCookies {
  static constexpr auto type_name = "KamVideoCookieSrc";
  static constexpr auto long_name = "Video cookie source";
  static constexpr auto klass = "Source/File/Video";
  static constexpr auto description =
      "Sends a random film out of a folder, at a steady bit rate or as fast as it goes";
  static constexpr auto example =
      "gst-launch-1.0 videocookiesrc location=/srv/films bitrate=0 ! decodebin ! "
      "videoconvert ! autovideosink";
  static constexpr auto pattern =
      "*.3gp;*.avi;*.flv;*.m2t;*.m2ts;*.m4v;*.mkv;*.mov;*.mp4;*.mpe;*.mpeg;*.mpg;*.mts;*.ogv;"
      "*.ts;*.vob;*.webm;*.wmv";
  static constexpr guint bitrate = 375'000;
  static constexpr guint chunk_rate = 24;
};

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(videocookiesrc, "videocookiesrc", GST_RANK_NONE,
                            kam::glue::type_of<kam::MediaCookieSrc<VideoCookies>>())
