// SPDX-License-Identifier: LGPL-2.1-or-later
// Reads a torrent from a swarm in both ways, from a thousand places each, and compares every
// byte with the file that is shared: torrent-reads LOCATION FILE LISTEN-INTERFACES.
#include "glue/refs.hpp"
#include "support/random.hpp"

#include <gst/gst.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

using namespace kam;

namespace {

constexpr int reads = 1000;
constexpr auto patience = 60 * GST_SECOND;

[[noreturn]] void give_up(const std::string &why)
{
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

ByteVector contents_of(const char *path)
{
  std::ifstream file{path, std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

// Whether a buffer has what is at that place, and ends where it has to.
void compare(GstBuffer *buffer, const ByteVector &file, std::size_t offset)
{
  const glue::ReadMap map{buffer};
  const auto got = map.bytes();
  if (got.empty() || offset + got.size() > file.size() ||
      std::memcmp(got.data(), file.data() + offset, got.size()) != 0)
    give_up("other bytes at " + std::to_string(offset));
}

class Source {
 public:
  Source(const std::string &rest, const char *location, const char *listen)
  {
    g_autoptr(GError) error = nullptr;
    element_ = glue::Ref<GstElement>::adopt(gst_parse_launch(
        ("torrentsrc name=source dht=false lsd=false upnp=false natpmp=false" + rest).c_str(),
        &error));
    if (error)
      give_up(error->message);
    source_ = rest.empty() ? element_
                           : glue::Ref<GstElement>::adopt(
                                 gst_bin_get_by_name(GST_BIN(element_.get()), "source"));
    g_object_set(source_.get(), "location", location, "listen-interfaces", listen, nullptr);
  }
  ~Source() { gst_element_set_state(element(), GST_STATE_NULL); }
  Source(const Source &) = delete;
  Source &operator=(const Source &) = delete;

  GstElement *element() const { return element_.get(); }
  glue::Ref<GstPad> pad() const
  {
    return glue::Ref<GstPad>::adopt(gst_element_get_static_pad(source_.get(), "src"));
  }

 private:
  glue::Ref<GstElement> element_;
  glue::Ref<GstElement> source_;
};

void pull(const char *location, const ByteVector &file, const char *listen)
{
  const Source source{"", location, listen};
  const auto pad = source.pad();
  if (!gst_pad_activate_mode(pad.get(), GST_PAD_MODE_PULL, TRUE) ||
      gst_element_set_state(source.element(), GST_STATE_PAUSED) == GST_STATE_CHANGE_FAILURE)
    give_up("it cannot be pulled from");
  gint64 size = 0;
  if (!gst_pad_query_duration(pad.get(), GST_FORMAT_BYTES, &size) ||
      size != gint64(file.size()))
    give_up("it has another size");
  test::Random random{1};
  for (int i = 0; i < reads; ++i) {
    const auto offset = random.below(file.size());
    const auto length = std::min(1 + random.below(200'000), file.size() - offset);
    GstBuffer *buffer = nullptr;
    if (gst_pad_get_range(pad.get(), offset, guint(length), &buffer) != GST_FLOW_OK)
      give_up("nothing can be pulled from " + std::to_string(offset));
    const glue::BufferPtr owned{buffer};
    if (gst_buffer_get_size(buffer) != length)
      give_up("less than was asked for at " + std::to_string(offset));
    compare(buffer, file, offset);
  }
}

void push(const char *location, const ByteVector &file, const char *listen)
{
  const Source source{" ! appsink name=sink sync=false max-buffers=1", location, listen};
  const auto sink =
      glue::Ref<GstElement>::adopt(gst_bin_get_by_name(GST_BIN(source.element()), "sink"));
  gst_element_set_state(source.element(), GST_STATE_PLAYING);
  const auto next = [&](std::size_t offset) {
    GstSample *sample = nullptr;
    g_signal_emit_by_name(sink.get(), "try-pull-sample", guint64{patience}, &sample);
    if (!sample)
      give_up("nothing is pushed from " + std::to_string(offset));
    compare(gst_sample_get_buffer(sample), file, offset);
    gst_sample_unref(sample);
  };
  next(0);
  test::Random random{2};
  for (int i = 0; i < reads; ++i) {
    const auto offset = random.below(file.size());
    if (!gst_element_seek_simple(source.element(), GST_FORMAT_BYTES, GST_SEEK_FLAG_FLUSH,
                                 gint64(offset)))
      give_up("no seek to " + std::to_string(offset));
    next(offset);
  }
}

}  // namespace

int main(int argc, char **argv)
{
  if (argc != 4)
    give_up("torrent-reads LOCATION FILE LISTEN-INTERFACES");
  gst_init(nullptr, nullptr);
  const auto file = contents_of(argv[2]);
  pull(argv[1], file, argv[3]);
  push(argv[1], file, argv[3]);
  return 0;
}
