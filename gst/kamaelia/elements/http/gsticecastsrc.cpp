// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/elements.hpp"
#include "glue/properties.hpp"
#include "glue/stats.hpp"

#include <gst/base/gstpushsrc.h>
#include <libsoup/soup.h>

#include <string>

GST_DEBUG_CATEGORY_STATIC(icecastsrc_debug);
#define GST_CAT_DEFAULT icecastsrc_debug

namespace {

using namespace kam;

GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

constexpr gsize block_size = 65536;

// Kamaelia.Protocol.HTTP.IcecastClient: reads in the streaming thread.
class IcecastSrcElement {
 public:
  using Base = GstPushSrc;
  using Class = GstPushSrcClass;
  static constexpr auto type_name = "KamIcecastSrc";
  static GType base_type() { return GST_TYPE_PUSH_SRC; }
  static void class_init(Class *klass);

  struct Values {
    std::string location;
  };
  glue::Settings<Values> settings;
  static const glue::Properties<IcecastSrcElement, Values> &properties();

  explicit IcecastSrcElement(Base *source) : source_{source} {}
  glue::StructurePtr stats() const
  {
    return glue::stats_structure("application/x-icecastsrc-stats", {{"bytes", bytes_.value()}});
  }

 private:
  template <class T>
  using Object = glue::Ref<T>;

  gboolean start();
  gboolean stop();
  gboolean unlock();
  gboolean unlock_stop();
  GstFlowReturn create(GstBuffer **buffer);
  bool connect();

  Base *source_;
  Object<GCancellable> cancellable_ = Object<GCancellable>::adopt(g_cancellable_new());
  Object<SoupSession> session_;
  Object<GInputStream> body_;
  glue::Counter bytes_;
};

const glue::Properties<IcecastSrcElement, IcecastSrcElement::Values>
    &IcecastSrcElement::properties()
{
  static const auto table =
      glue::Properties<IcecastSrcElement, Values>{}
          .add("location", &Values::location, "Address of the station", glue::Mutable::in_ready)
          .report<&IcecastSrcElement::stats>("stats", "What was read since READY: bytes");
  return table;
}

void IcecastSrcElement::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(icecastsrc_debug, "icecastsrc", 0, "Internet radio source");
  properties().install(klass);
  glue::describe(klass, {"Internet radio source", "Source/Network", "Receives Internet radio"});
  gst_element_class_add_static_pad_template(GST_ELEMENT_CLASS(klass), &src_template);
  auto *base_class = GST_BASE_SRC_CLASS(klass);
  base_class->start = glue::vfunc<&IcecastSrcElement::start>;
  base_class->stop = glue::vfunc<&IcecastSrcElement::stop>;
  base_class->unlock = glue::vfunc<&IcecastSrcElement::unlock>;
  base_class->unlock_stop = glue::vfunc<&IcecastSrcElement::unlock_stop>;
  base_class->is_seekable = [](GstBaseSrc *) noexcept -> gboolean { return FALSE; };
  klass->create = glue::vfunc<&IcecastSrcElement::create>;
}

gboolean IcecastSrcElement::start()
{
  bytes_.reset();
  const auto location = settings.current().location;
  if (!g_uri_is_valid(location.c_str(), G_URI_FLAGS_NONE, nullptr)) {
    GST_ELEMENT_ERROR(source_, RESOURCE, NOT_FOUND, ("There is no address to listen to."),
                      ("property location is \"%s\"", location.c_str()));
    return FALSE;
  }
  return TRUE;
}

gboolean IcecastSrcElement::stop()
{
  body_ = {};
  session_ = {};
  return TRUE;
}

gboolean IcecastSrcElement::unlock()
{
  g_cancellable_cancel(cancellable_.get());
  return TRUE;
}

gboolean IcecastSrcElement::unlock_stop()
{
  g_cancellable_reset(cancellable_.get());
  return TRUE;
}

bool IcecastSrcElement::connect()
{
  const auto &location = settings.current().location;
  session_ = Object<SoupSession>::adopt(soup_session_new());
  const auto message =
      Object<SoupMessage>::adopt(soup_message_new(SOUP_METHOD_GET, location.c_str()));
  g_autoptr(GError) error = nullptr;
  if (message)
    body_ = Object<GInputStream>::adopt(
        soup_session_send(session_.get(), message.get(), cancellable_.get(), &error));
  if (body_ && soup_message_get_status(message.get()) == SOUP_STATUS_OK)
    return true;
  body_ = {};
  if (!g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    GST_ELEMENT_ERROR(source_, RESOURCE, OPEN_READ, ("Could not reach the station."),
                      ("%s: %s", location.c_str(), error ? error->message : "refused"));
  return false;
}

GstFlowReturn IcecastSrcElement::create(GstBuffer **buffer)
{
  const auto failed = [this] {
    return g_cancellable_is_cancelled(cancellable_.get()) ? GST_FLOW_FLUSHING : GST_FLOW_ERROR;
  };
  if (!body_ && !connect())
    return failed();
  glue::BufferPtr block{gst_buffer_new_allocate(nullptr, block_size, nullptr)};
  gssize size = 0;
  g_autoptr(GError) error = nullptr;
  {
    const glue::WriteMap map{block.get()};
    size = g_input_stream_read(body_.get(), map.bytes().data(), map.bytes().size(),
                               cancellable_.get(), &error);
  }
  if (size < 0) {
    if (failed() == GST_FLOW_ERROR)
      GST_ELEMENT_ERROR(source_, RESOURCE, READ, ("The station stopped sending."),
                        ("%s", error->message));
    return failed();
  }
  if (size == 0)
    return GST_FLOW_EOS;
  gst_buffer_set_size(block.get(), size);
  bytes_.add(static_cast<guint64>(size));
  *buffer = block.release();
  return GST_FLOW_OK;
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(icecastsrc, "icecastsrc", GST_RANK_NONE,
                            glue::type_of<IcecastSrcElement>())
