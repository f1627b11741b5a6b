// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/cookie/mediacookiesrc.hpp"
#include "elements/base/elements.hpp"

namespace {

// Kamaelia's AudioCookieProtocol.
struct AudioCookies {
  static constexpr auto type_name = "KamAudioCookieSrc";
  static constexpr auto long_name = "Audio cookie source";
  static constexpr auto klass = "Source/File/Audio";
  static constexpr auto description =
      "Sends a random sound file out of a folder, at a steady bit rate or as fast as it goes";
  static constexpr auto example =
      "gst-launch-1.0 audiocookiesrc location=/usr/share/sounds bitrate=0 ! decodebin ! "
      "audioconvert ! autoaudiosink";
  static constexpr auto pattern =
      "*.aac;*.aif;*.aifc;*.aiff;*.amr;*.au;*.flac;*.m4a;*.mka;*.mp2;*.mp3;*.oga;*.ogg;*.opus;"
      "*.spx;*.wav;*.wma;*.wv";
  static constexpr guint bitrate = 95'200;
  static constexpr guint chunk_rate = 25;
};

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(audiocookiesrc, "audiocookiesrc", GST_RANK_NONE,
                            kam::glue::type_of<kam::MediaCookieSrc<AudioCookies>>())
