// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/client/fetchpool.hpp"
#include "elements/http/client/httpclientvalues.hpp"
#include "elements/http/client/requestreader.hpp"
#include "elements/http/client/responsemeta.hpp"
#include "elements/http/elements.hpp"
#include "glue/bytes.hpp"
#include "glue/properties.hpp"
#include "glue/stats.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

GST_DEBUG_CATEGORY_STATIC(httpclient_debug);
#define GST_CAT_DEFAULT httpclient_debug

namespace {

using namespace kam;
using OutputMode = HttpClientValues::OutputMode;
using OnError = HttpClientValues::OnError;
using glue::BufferPtr;
using glue::EventPtr;

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

bool has_flag(const GstEvent *event, GstEventTypeFlags flag)
{
  return (gst_event_type_get_flags(GST_EVENT_TYPE(event)) & flag) != 0;
}

// Kamaelia.Protocol.HTTP.HTTPClient.SimpleHTTPClient, with several requests at a time.
class HttpClientElement {
 public:
  using Base = GstElement;
  using Class = GstElementClass;
  static constexpr auto type_name = "KamHttpClient";
  static GType base_type() { return GST_TYPE_ELEMENT; }
  static void class_init(Class *klass);

  using Values = HttpClientValues;
  glue::Settings<Values> settings;
  static const glue::Properties<HttpClientElement, Values> &properties();

  explicit HttpClientElement(Base *element);
  glue::StructurePtr stats() const;

 private:
  static HttpClientElement &of(GstPad *pad)
  {
    return *static_cast<HttpClientElement *>(gst_pad_get_element_private(pad));
  }
  GstPad *make_pad(const char *name);

  // In the thread of whoever brings the requests.
  GstFlowReturn chain(BufferPtr buffer);
  bool submit(RequestReader::Timed timed);
  bool end_list();
  bool sink_event(EventPtr event);
  bool sink_query(GstQuery *query);

  // In the thread that pushes.
  void push_next();
  void report(const Job &job);
  void fail(const Job &job);
  void end_stream(GstFlowReturn flow);
  void tell_of_flow_error();

  bool activate_sink(bool active);
  bool activate_src(bool active);
  void start();
  bool start_pushing();

  Base *element_;
  GstPad *sink_;
  GstPad *src_;
  RequestReader reader_;
  const RequestReader::Taker taker_ = [this](auto timed) { return submit(std::move(timed)); };
  JobQueue queue_;
  FetchPool pool_{queue_};
  guint64 next_index_ = 0;
  bool stop_on_error_ = false;

  std::atomic<GstFlowReturn> flow_ = GST_FLOW_OK;
  std::atomic<bool> at_end_ = false;  // no more requests will come
  std::atomic<bool> error_posted_ = false;

  glue::Counter requests_;
  glue::Counter lines_dropped_;
  glue::Counter responses_;
  glue::Counter failures_;
  glue::Counter redirects_;
  glue::Counter bytes_;
};

const glue::Properties<HttpClientElement, HttpClientElement::Values>
    &HttpClientElement::properties()
{
  static const auto table =
      http_client_properties<HttpClientElement>().report<&HttpClientElement::stats>(
          "stats",
          "What passed since READY: requests, lines-dropped because they were too long, "
          "responses, failures, redirects, and bytes of bodies");
  return table;
}

void HttpClientElement::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(httpclient_debug, "httpclient", 0, "HTTP client");
  register_response_meta();
  properties().install(klass);
  glue::describe(klass,
                 {"HTTP client", "Filter/Network",
                  "Takes requests or a list of addresses, gives the bodies of the "
                  "responses in their order",
                  "gst-launch-1.0 filesrc location=addresses.txt ! text/uri-list ! httpclient "
                  "max-parallel=4 ! multifilesink location=page-%03d"});
  gst_element_class_add_static_pad_template(klass, &sink_template);
  gst_element_class_add_static_pad_template(klass, &src_template);
}

HttpClientElement::HttpClientElement(Base *element)
    : element_{element}, sink_{make_pad("sink")}, src_{make_pad("src")}
{
  gst_pad_set_chain_function(sink_, [](GstPad *pad, GstObject *, GstBuffer *buffer) noexcept {
    return of(pad).chain(BufferPtr{buffer});
  });
  gst_pad_set_event_function(
      sink_, [](GstPad *pad, GstObject *, GstEvent *event) noexcept -> gboolean {
        return of(pad).sink_event(EventPtr{event});
      });
  gst_pad_set_query_function(
      sink_, [](GstPad *pad, GstObject *, GstQuery *query) noexcept -> gboolean {
        return of(pad).sink_query(query);
      });
  gst_pad_set_activatemode_function(
      sink_,
      [](GstPad *pad, GstObject *, GstPadMode mode, gboolean active) noexcept -> gboolean {
        return mode == GST_PAD_MODE_PUSH && of(pad).activate_sink(active);
      });
  gst_pad_set_activatemode_function(
      src_,
      [](GstPad *pad, GstObject *, GstPadMode mode, gboolean active) noexcept -> gboolean {
        return mode == GST_PAD_MODE_PUSH && of(pad).activate_src(active);
      });
}

GstPad *HttpClientElement::make_pad(const char *name)
{
  auto *pad = gst_pad_new_from_template(gst_element_get_pad_template(element_, name), name);
  gst_pad_set_element_private(pad, this);
  gst_element_add_pad(element_, pad);
  return pad;
}

glue::StructurePtr HttpClientElement::stats() const
{
  return glue::stats_structure("application/x-httpclient-stats",
                               {{"requests", requests_.value()},
                                {"lines-dropped", lines_dropped_.value()},
                                {"responses", responses_.value()},
                                {"failures", failures_.value()},
                                {"redirects", redirects_.value()},
                                {"bytes", bytes_.value()}});
}

void HttpClientElement::start()
{
  const auto used = settings.snapshot();
  for (auto *counter :
       {&requests_, &lines_dropped_, &responses_, &failures_, &redirects_, &bytes_})
    counter->reset();
  next_index_ = 0;
  flow_ = GST_FLOW_OK;
  at_end_ = false;
  error_posted_ = false;
  stop_on_error_ = used.on_error == OnError::error;
  reader_.start({.location = used.location, .method = used.method});
  pool_.set_options({.fetch = fetch_settings(used),
                     .max_workers = used.max_parallel,
                     .max_body_size = used.max_body_size,
                     .in_chunks = used.output_mode == OutputMode::chunks,
                     .empty_for_failed = used.on_error == OnError::empty});
  JobQueue::Limits limits;
  limits.jobs = used.max_parallel;
  if (used.response_timeout > 0)
    limits.time = std::chrono::seconds{used.response_timeout};
  queue_.start(limits);
}

bool HttpClientElement::start_pushing()
{
  return gst_pad_start_task(
      src_, [](gpointer self) noexcept { static_cast<HttpClientElement *>(self)->push_next(); },
      this, nullptr);
}

// The source pad comes first, both ways.
bool HttpClientElement::activate_src(bool active)
{
  if (active) {
    start();
    return start_pushing();
  }
  queue_.flush();
  return gst_pad_stop_task(src_);
}

bool HttpClientElement::activate_sink(bool active)
{
  if (active)
    return true;
  queue_.flush();
  queue_.quit();
  GST_PAD_STREAM_LOCK(sink_);
  pool_.stop();
  GST_PAD_STREAM_UNLOCK(sink_);
  return true;
}

GstFlowReturn HttpClientElement::chain(BufferPtr buffer)
{
  const glue::ReadMap map{buffer.get()};
  if (!map) {
    GST_ELEMENT_ERROR(element_, RESOURCE, READ, ("Could not read the incoming data."),
                      ("gst_buffer_map failed"));
    return GST_FLOW_ERROR;
  }
  if (reader_.lacks_address()) {
    GST_ELEMENT_ERROR(element_, CORE, NEGOTIATION,
                      ("There is no address that this data could be sent to."),
                      ("neither the caps nor the property location has one"));
    return GST_FLOW_NOT_NEGOTIATED;
  }
  const bool wanted = reader_.read(buffer.get(), map.bytes(), taker_);
  lines_dropped_.add(reader_.lines_dropped() - lines_dropped_.value());
  const auto flow = flow_.load();
  return wanted || flow != GST_FLOW_OK ? flow : GST_FLOW_FLUSHING;
}

bool HttpClientElement::submit(RequestReader::Timed timed)
{
  GST_DEBUG_OBJECT(element_, "%s %s", timed.request.method.c_str(), timed.request.uri.c_str());
  try {
    pool_.ensure_workers(next_index_ + 1);
  } catch (const std::system_error &error) {
    GST_ELEMENT_ERROR(element_, RESOURCE, FAILED, ("There is no thread for the requests."),
                      ("%s", error.what()));
    flow_ = GST_FLOW_ERROR;
    return false;
  }
  auto job = std::make_shared<Job>();
  job->request = std::move(timed.request);
  job->index = next_index_++;
  job->pts = timed.pts;
  job->dts = timed.dts;
  if (!queue_.push(std::move(job)))
    return false;
  requests_.add();
  return true;
}

bool HttpClientElement::end_list()
{
  const bool wanted = reader_.end(taker_);
  lines_dropped_.add(reader_.lines_dropped() - lines_dropped_.value());
  return wanted;
}

bool HttpClientElement::sink_event(EventPtr event)
{
  switch (GST_EVENT_TYPE(event.get())) {
  case GST_EVENT_FLUSH_START: {
    const bool sent = gst_pad_push_event(src_, event.release());
    // A flush does not end the stream: what it is goes on to hold.
    for (const auto &dropped : queue_.flush())
      if (has_flag(dropped.get(), GST_EVENT_TYPE_STICKY) &&
          GST_EVENT_TYPE(dropped.get()) != GST_EVENT_SEGMENT &&
          GST_EVENT_TYPE(dropped.get()) != GST_EVENT_EOS)
        gst_pad_store_sticky_event(src_, dropped.get());
    gst_pad_pause_task(src_);
    return sent;
  }
  case GST_EVENT_FLUSH_STOP: {
    const bool sent = gst_pad_push_event(src_, event.release());
    reader_.flush();
    flow_ = GST_FLOW_OK;
    at_end_ = false;
    error_posted_ = false;
    queue_.restart();
    return start_pushing() && sent;
  }
  case GST_EVENT_CAPS: {
    GstCaps *caps = nullptr;
    gst_event_parse_caps(event.get(), &caps);
    const bool wanted = end_list();
    reader_.set_caps(caps);
    return wanted;
  }
  case GST_EVENT_SEGMENT: end_list(); break;
  case GST_EVENT_EOS:
    end_list();
    at_end_ = true;
    break;
  default: break;
  }
  if (!has_flag(event.get(), GST_EVENT_TYPE_SERIALIZED))
    return gst_pad_event_default(sink_, GST_OBJECT(element_), event.release());
  if (queue_.push(std::move(event)))
    return true;
  if (at_end_)
    tell_of_flow_error();
  return false;
}

bool HttpClientElement::sink_query(GstQuery *query)
{
  if (GST_QUERY_TYPE(query) == GST_QUERY_ALLOCATION)
    return false;
  if (GST_QUERY_TYPE(query) == GST_QUERY_DRAIN)
    return queue_.drain() && gst_pad_peer_query(src_, query);
  return gst_pad_query_default(sink_, GST_OBJECT(element_), query);
}

void HttpClientElement::push_next()
{
  auto output = queue_.next();
  if (auto *buffer = std::get_if<BufferPtr>(&output)) {
    bytes_.add(gst_buffer_get_size(buffer->get()));
    if (const auto flow = gst_pad_push(src_, buffer->release()); flow != GST_FLOW_OK)
      end_stream(flow);
  } else if (auto *event = std::get_if<EventPtr>(&output)) {
    gst_pad_push_event(src_, event->release());
  } else if (auto *job = std::get_if<JobPtr>(&output)) {
    report(**job);
  } else {
    gst_pad_pause_task(src_);
  }
}

void HttpClientElement::report(const Job &job)
{
  const auto &response = job.response;
  (job.failed ? failures_ : responses_).add();
  redirects_.add(response.redirects);
  auto structure = response_structure("http-response", job);
  gst_structure_set(structure.get(), "bytes", G_TYPE_UINT64, job.body_size, nullptr);
  gst_element_post_message(element_,
                           gst_message_new_element(GST_OBJECT(element_), structure.release()));
  if (job.failed && stop_on_error_)
    fail(job);
}

void HttpClientElement::fail(const Job &job)
{
  error_posted_ = true;
  const auto status = job.response.status;
  const auto *uri = job.request.uri.c_str();
  const auto *why = job.response.error.c_str();
  if (status == SOUP_STATUS_NOT_FOUND || status == SOUP_STATUS_GONE)
    GST_ELEMENT_ERROR(element_, RESOURCE, NOT_FOUND, ("There is nothing at %s.", uri),
                      ("%s", why));
  else if (status == SOUP_STATUS_UNAUTHORIZED || status == SOUP_STATUS_FORBIDDEN)
    GST_ELEMENT_ERROR(element_, RESOURCE, NOT_AUTHORIZED, ("We may not read %s.", uri),
                      ("%s", why));
  else
    GST_ELEMENT_ERROR(element_, RESOURCE, READ, ("Could not fetch %s: %s.", uri, why),
                      ("status %u", status));
  end_stream(GST_FLOW_ERROR);
}

// Whoever brings requests is told with the next one; if none are to come, it has to be said
// here.
void HttpClientElement::tell_of_flow_error()
{
  const auto flow = flow_.load();
  if ((flow == GST_FLOW_NOT_LINKED || flow < GST_FLOW_EOS) && !error_posted_.exchange(true))
    GST_ELEMENT_FLOW_ERROR(element_, flow);
}

void HttpClientElement::end_stream(GstFlowReturn flow)
{
  GST_DEBUG_OBJECT(element_, "stopping: %s", gst_flow_get_name(flow));
  flow_ = flow;
  queue_.flush();
  if (at_end_)
    tell_of_flow_error();
  if (flow == GST_FLOW_NOT_LINKED || flow <= GST_FLOW_EOS)
    gst_pad_push_event(src_, gst_event_new_eos());
  gst_pad_pause_task(src_);
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(httpclient, "httpclient", GST_RANK_NONE,
                            glue::type_of<HttpClientElement>())
