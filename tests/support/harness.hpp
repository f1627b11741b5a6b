// SPDX-License-Identifier: LGPL-2.1-or-later
// GstHarness for tests that think in bytes.
#pragma once

#include "core/bytes.hpp"

#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>
#undef fail  // a macro of Check's old API that breaks <iostream>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kam::test {

inline GstBuffer *buffer_of(Bytes bytes)
{
  if (bytes.empty())
    return gst_buffer_new();
  auto *buffer = gst_buffer_new_allocate(nullptr, bytes.size(), nullptr);
  gst_buffer_fill(buffer, 0, bytes.data(), bytes.size());
  return buffer;
}

inline ByteVector bytes_of(GstBuffer *buffer)
{
  ByteVector bytes(gst_buffer_get_size(buffer));
  if (!bytes.empty())
    gst_buffer_extract(buffer, 0, bytes.data(), bytes.size());
  return bytes;
}

inline ByteVector bytes_of(std::string_view text)
{
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

// An element, or several joined by `!`, between two pads that the test holds.
class Harness {
 public:
  explicit Harness(const std::string &launch) : h_{gst_harness_new_parse(launch.c_str())} {}
  Harness(const std::string &launch, const char *sink_caps) : Harness{launch}
  {
    gst_harness_set_src_caps_str(h_, sink_caps);
  }
  ~Harness() { gst_harness_teardown(h_); }
  Harness(const Harness &) = delete;
  Harness &operator=(const Harness &) = delete;

  GstHarness *get() const { return h_; }

  // The element of that factory inside; borrowed, as the harness keeps it.
  GstElement *element(const char *factory) const
  {
    if (!GST_IS_BIN(h_->element))
      return h_->element;
    auto *found = gst_harness_find_element(h_, factory);
    gst_object_unref(found);
    return found;
  }

  void start_without_caps()
  {
    gst_harness_play(h_);
    gst_harness_push_event(h_, gst_event_new_stream_start("test"));
    GstSegment segment;
    gst_segment_init(&segment, GST_FORMAT_BYTES);
    gst_harness_push_event(h_, gst_event_new_segment(&segment));
  }

  GstFlowReturn push(Bytes bytes) { return gst_harness_push(h_, buffer_of(bytes)); }
  GstFlowReturn push(std::string_view text) { return push(as_bytes(text)); }
  GstFlowReturn push(GstBuffer *buffer) { return gst_harness_push(h_, buffer); }
  bool push_event(GstEvent *event) { return gst_harness_push_event(h_, event) == TRUE; }
  void end() { push_event(gst_event_new_eos()); }

  // The next buffer that came out, if there is one; owned by the caller.
  GstBuffer *try_pull() { return gst_harness_try_pull(h_); }

  // The contents of every buffer that came out since.
  std::vector<ByteVector> take()
  {
    std::vector<ByteVector> all;
    while (auto *buffer = try_pull()) {
      all.push_back(bytes_of(buffer));
      gst_buffer_unref(buffer);
    }
    return all;
  }

  std::uint64_t stat(const char *factory, const char *key) const
  {
    GstStructure *stats = nullptr;
    g_object_get(element(factory), "stats", &stats, nullptr);
    guint64 value = G_MAXUINT64;
    ck_assert_msg(gst_structure_get_uint64(stats, key, &value), "no statistic '%s'", key);
    gst_structure_free(stats);
    return value;
  }

 private:
  GstHarness *h_;
};

inline void assert_equal(const std::vector<ByteVector> &got,
                         const std::vector<ByteVector> &want, const std::string &what)
{
  ck_assert_msg(got.size() == want.size(), "%s: %zu buffers came out instead of %zu",
                what.c_str(), got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i)
    ck_assert_msg(got[i] == want[i], "%s: buffer %zu has other bytes (%zu of them, not %zu)",
                  what.c_str(), i, got[i].size(), want[i].size());
}

}  // namespace kam::test
