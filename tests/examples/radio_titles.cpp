// SPDX-License-Identifier: LGPL-2.1-or-later
// A radio that shows what is playing.
//
// usage: radio-titles ADDRESS [REST]
//   REST is what follows icecastsrc in the pipeline; by default the sound is played.
#include <gst/gst.h>

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>

namespace {

struct Unref {
  void operator()(void *object) const { gst_object_unref(object); }
};
template <class T>
using Owned = std::unique_ptr<T, Unref>;

std::string text_of(const GstStructure *structure, const char *field)
{
  const char *text = gst_structure_get_string(structure, field);
  return text ? text : "";
}

// Says what happened; false when it is over.
bool handle(GstMessage *message)
{
  switch (GST_MESSAGE_TYPE(message)) {
  case GST_MESSAGE_ERROR: {
    GError *error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    std::cerr << error->message << std::endl;
    g_error_free(error);
    return false;
  }
  case GST_MESSAGE_EOS: return false;
  case GST_MESSAGE_ELEMENT: {
    const auto *what = gst_message_get_structure(message);
    if (gst_structure_has_name(what, "icecast-connected"))
      std::cout << "connected to " << text_of(what, "uri") << std::endl;
    else if (gst_structure_has_name(what, "icecast-disconnected"))
      std::cout << "lost: " << text_of(what, "detail") << std::endl;
    else if (gst_structure_has_name(what, "icecast-metadata"))
      std::cout << "playing: " << text_of(what, "title") << std::endl;
    return true;
  }
  default: return true;
  }
}

}  // namespace

int main(int argc, char **argv)
{
  gst_init(&argc, &argv);
  if (argc < 2) {
    std::cerr << "usage: " << argv[0] << " ADDRESS [REST]" << std::endl;
    return EXIT_FAILURE;
  }
  const std::string rest = argc > 2 ? argv[2] : "decodebin ! audioconvert ! autoaudiosink";
  GError *error = nullptr;
  const Owned<GstElement> pipeline{
      gst_parse_launch(("icecastsrc name=radio ! " + rest).c_str(), &error)};
  if (error) {
    std::cerr << error->message << std::endl;
    g_error_free(error);
    return EXIT_FAILURE;
  }
  const Owned<GstElement> radio{gst_bin_get_by_name(GST_BIN(pipeline.get()), "radio")};
  g_object_set(radio.get(), "location", argv[1], nullptr);
  gst_element_set_state(pipeline.get(), GST_STATE_PLAYING);

  const Owned<GstBus> bus{gst_element_get_bus(pipeline.get())};
  bool failed = false;
  for (bool going_on = true; going_on;) {
    GstMessage *message = gst_bus_timed_pop(bus.get(), GST_CLOCK_TIME_NONE);
    going_on = handle(message);
    failed = GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR;
    gst_message_unref(message);
  }
  gst_element_set_state(pipeline.get(), GST_STATE_NULL);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
