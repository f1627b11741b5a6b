// SPDX-License-Identifier: LGPL-2.1-or-later
// A clip for those who have none at hand.
#pragma once

#include "console.hpp"
#include "pipeline.hpp"

#include <atomic>
#include <string>

namespace demo {

// Counts buffers in the streaming thread.
struct PictureCount {
  std::atomic<std::uint64_t> count = 0;
  void add(GstBuffer *) { ++count; }
};

// Ten seconds to look at and listen to.
inline void make_clip(const std::string &path)
{
  Progress progress{"makes a clip with sound"};
  Pipeline pipeline{
      "videotestsrc name=video pattern=zone-plate kx2=12 ky2=12 kt=2 num-buffers=250 ! "
      "video/x-raw,width=640,height=360,framerate=25/1 ! "
      "x264enc speed-preset=veryfast bitrate=2000 key-int-max=25 ! h264parse ! matroskamux "
      "name=mux ! filesink name=file "
      "audiotestsrc wave=ticks num-buffers=500 samplesperbuffer=960 ! "
      "audio/x-raw,rate=48000,channels=2 ! avenc_aac ! aacparse ! mux."};
  g_object_set(pipeline["file"].get(), "location", path.c_str(), nullptr);
  PictureCount pictures;
  watch<PictureCount, &PictureCount::add>(
      Pad::adopt(gst_element_get_static_pad(pipeline["video"].get(), "src")).get(), pictures);
  pipeline.play();
  while (!pipeline.poll())
    progress.show(static_cast<double>(pictures.count) / 250);
  progress.finish();
}

}  // namespace demo
