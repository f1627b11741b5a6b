// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/web/webpipeline.hpp"

#include "elements/http/station/httpserversinkvalues.hpp"
#include "glue/bytes.hpp"
#include "glue/headerfields.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace kam::http {
namespace {

constexpr auto response_name = "http-response";
// For how long a first piece is kept to see whether it is the only one.
constexpr std::uint64_t patience_ns = 20'000'000;
// A pipeline in the front end's thread cannot be made to wait within one push; what it makes of
// one read has a limit nevertheless.
constexpr std::size_t max_growth = 64;

std::vector<Header> headers_of(const RequestHead &request)
{
  std::vector<Header> headers;
  for (const auto &field : request.fields) {
    const auto found = std::ranges::find(headers, field.key, &Header::key);
    if (found == headers.end())
      headers.push_back({field.key, field.key, field.value});
    else
      found->value.append(", ").append(field.value);
  }
  return headers;
}

bool is_framing(std::string_view name)
{
  constexpr std::array names{"connection",        "content-length", "date",
                             "keep-alive",        "server",         "trailer",
                             "transfer-encoding", "upgrade"};
  return std::ranges::any_of(names, [name](std::string_view other) {
    return name.size() == other.size() &&
           g_ascii_strncasecmp(name.data(), other.data(), name.size()) == 0;
  });
}

bool is_field_name(std::string_view name)
{
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return g_ascii_isalnum(c) || c == '-' || c == '_';
  });
}

std::optional<unsigned> status_in(const GValue *value)
{
  if (!value)
    return std::nullopt;
  GValue number = G_VALUE_INIT;
  g_value_init(&number, G_TYPE_UINT);
  std::optional<unsigned> status;
  if (g_value_transform(value, &number))
    status = g_value_get_uint(&number);
  g_value_unset(&number);
  // Others are not for the end of a request.
  return status && *status >= 200 && *status <= 599 ? status : std::nullopt;
}

// What a body is, where its media type says all that elements want to know.
glue::Ref<GstCaps> caps_of(const RequestHead &request)
{
  const auto *type = request.find("content-type");
  if (!type)
    return {};
  auto name = type->substr(0, type->find_first_of("; \t"));
  std::ranges::transform(name, name.begin(), [](char c) { return g_ascii_tolower(c); });
  const auto slash = name.find('/');
  const bool is_name = slash != std::string::npos && slash > 0 &&
                       g_ascii_isalpha(name.front()) && std::ranges::all_of(name, [](char c) {
                         return g_ascii_isalnum(c) ||
                                std::string_view{"/-_.:+"}.find(c) != std::string_view::npos;
                       });
  return is_name ? glue::Ref<GstCaps>::adopt(gst_caps_new_empty_simple(name.c_str()))
                 : glue::Ref<GstCaps>{};
}

}  // namespace

glue::StructurePtr request_structure(const Exchange &exchange)
{
  const auto &head = exchange.request();
  glue::StructurePtr request{gst_structure_new(
      "http-request", "method", G_TYPE_STRING, head.method.c_str(), "uri", G_TYPE_STRING,
      head.target.c_str(), "path", G_TYPE_STRING, head.path.c_str(), "query", G_TYPE_STRING,
      head.query.c_str(), "peer", G_TYPE_STRING, exchange.peer().address_text().c_str(),
      "peer-port", G_TYPE_INT, int{exchange.peer().port()}, nullptr)};
  const auto headers = glue::header_fields("headers", headers_of(head));
  gst_structure_set(request.get(), "headers", GST_TYPE_STRUCTURE, headers.get(), nullptr);
  return request;
}

// --- hints --------------------------------------------------------------------------------

void AnswerHints::add(const std::string &name, const std::string &value)
{
  if (!is_field_name(name) || is_framing(name))
    return;
  if (g_ascii_strcasecmp(name.c_str(), "content-type") == 0)
    content_type = value;
  else
    fields.emplace_back(name, value);
}

void AnswerHints::take(const GstStructure *response)
{
  if (!response || !gst_structure_has_name(response, response_name))
    return;
  if (const auto given = status_in(gst_structure_get_value(response, "status")))
    status = *given;
  if (const auto *type = gst_structure_get_string(response, "content-type"))
    content_type = type;
  const auto *headers = gst_structure_get_value(response, "headers");
  if (!headers || !GST_VALUE_HOLDS_STRUCTURE(headers))
    return;
  gst_structure_foreach(
      gst_value_get_structure(headers),
      [](GQuark name, const GValue *value, gpointer self) -> gboolean {
        if (G_VALUE_HOLDS_STRING(value) && g_value_get_string(value))
          static_cast<AnswerHints *>(self)->add(g_quark_to_string(name),
                                                g_value_get_string(value));
        return TRUE;
      },
      this);
}

void AnswerHints::take(const GstTagList *tags)
{
  constexpr std::string_view status_key = "http-status";
  constexpr std::string_view header_key = "http-header";
  // With a colon a launch line needs no quotes for it.
  const auto value_of = [](std::string_view text, std::string_view key) {
    const bool is_it = text.starts_with(key) && text.size() > key.size() &&
                       (text[key.size()] == '=' || text[key.size()] == ':');
    return is_it ? text.substr(key.size() + 1) : std::string_view{};
  };
  for (guint i = 0; i < gst_tag_list_get_tag_size(tags, GST_TAG_EXTENDED_COMMENT); ++i) {
    gchar *owned = nullptr;
    if (!gst_tag_list_get_string_index(tags, GST_TAG_EXTENDED_COMMENT, i, &owned))
      continue;
    const glue::StringPtr comment{owned};
    const std::string_view text = owned;
    if (const auto code = value_of(text, status_key); !code.empty()) {
      const auto number = g_ascii_strtoull(code.data(), nullptr, 10);
      if (number >= 200 && number <= 599)
        status = static_cast<unsigned>(number);
    } else if (const auto field = value_of(text, header_key); !field.empty()) {
      const auto colon = field.find(':');
      if (colon == std::string_view::npos)
        continue;
      const auto value = field.find_first_not_of(" \t", colon + 1);
      add(std::string{field.substr(0, colon)},
          std::string{value == std::string_view::npos ? "" : field.substr(value)});
    }
  }
}

void AnswerHints::take(GstEvent *event)
{
  if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) {
    GstCaps *caps = nullptr;
    gst_event_parse_caps(event, &caps);
    const auto kind = stream_kind(caps);
    const auto *known = std::get_if<StreamKind>(&kind);
    content_type =
        known ? known->content_type : gst_structure_get_name(gst_caps_get_structure(caps, 0));
  } else if (GST_EVENT_TYPE(event) == GST_EVENT_TAG) {
    GstTagList *tags = nullptr;
    gst_event_parse_tag(event, &tags);
    take(tags);
  } else {
    take(gst_event_get_structure(event));
  }
}

// --- runner -------------------------------------------------------------------------------

// A request and the bin that answers it.
class WebPipeline::Runner final : public WebResponder,
                                  private ClientBin::User,
                                  private net::Timer::Handler {
 public:
  Runner(WebServer &server, const Exchange &exchange, std::shared_ptr<ClientBinPool> pool,
         std::unique_ptr<ClientBin> bin, bool is_reusable)
      : WebResponder{server, exchange},
        pool_{std::move(pool)},
        bin_{std::move(bin)},
        timer_{server.frontend().reactor(), *this},
        is_reusable_{is_reusable}
  {
    bin_->attach(*this, 0);
    bin_->announce(caps_of(request()),
                   glue::EventPtr{gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM_STICKY,
                                                       request_structure(exchange).release())});
    server.stats().pipelines.fetch_add(1, std::memory_order_relaxed);
  }
  ~Runner() override
  {
    *self_ = nullptr;
    server().stats().pipelines.fetch_sub(1, std::memory_order_relaxed);
    bin_->detach();
    // Who starts it gives it back.
    if (is_starting_)
      *abandoned_ = std::move(bin_);
    else
      pool_->retire(std::move(bin_), is_reusable_ && !has_failed_);
  }

 private:
  void begin() override;
  void started(bool is_playing);
  void handle_body(Bytes bytes) override;
  void handle_body_end(RequestBody::State state) override;
  void handle_room() override;

  void handle_output(Bytes bytes) override;
  void handle_output_event(GstEvent *event) override;
  void handle_bin_message(const GstStructure *message) override { hints_.take(message); }
  void handle_output_end() override;
  bool can_take_output() override { return reply().has_room() && !has_failed_ && !is_done_; }
  void handle_input_room() override;
  void handle_sinks_end() override;
  void handle_bin_error(const std::string &what) override;
  void handle_time(std::uint64_t now) override;

  void give(Bytes bytes);
  void begin_with(std::optional<std::uint64_t> length);
  void write(Bytes bytes);
  void finish_if_complete();
  void fail(unsigned status, const char *sentence);

  std::shared_ptr<ClientBinPool> pool_;
  std::unique_ptr<ClientBin> bin_;
  net::Timer timer_;
  AnswerHints hints_;
  ByteVector before_start_;  // what the client sent before the bin could take it
  ByteVector first_;         // the answer's first piece, until there is a second or the end
  bool is_reusable_;
  bool is_starting_ = false;
  bool is_started_ = false;
  bool has_body_ended_ = false;
  bool has_output_ended_ = false;
  bool have_sinks_ended_ = false;
  bool has_failed_ = false;
  bool is_done_ = false;
  std::shared_ptr<Runner *> self_ = std::make_shared<Runner *>(this);
  std::shared_ptr<std::unique_ptr<ClientBin>> abandoned_ =
      std::make_shared<std::unique_ptr<ClientBin>>();
};

void WebPipeline::Runner::begin()
{
  if (const auto timeout = server().settings().response_timeout_ns; timeout > 0)
    timer_.set(server().frontend().reactor().now() + timeout);
  if (!bin_->has_threads()) {
    started(bin_->start());
    return;
  }
  is_starting_ = true;
  reply().pause_body();
  pool_->work([self = self_, abandoned = abandoned_, bin = bin_.get(), pool = pool_] {
    const bool is_playing = bin->start();
    pool->finish_work([self, abandoned, is_playing, pool] {
      if (auto *runner = *self) {
        runner->is_starting_ = false;
        runner->started(is_playing);
      } else if (*abandoned) {
        pool->retire(std::move(*abandoned), false);
      }
    });
  });
}

void WebPipeline::Runner::started(bool is_playing)
{
  if (!is_playing && !has_failed_)
    return fail(500, "The pipeline of this address does not play");
  is_started_ = true;
  const auto body = std::exchange(before_start_, {});
  if (!body.empty())
    give(body);
  if (has_body_ended_)
    bin_->give_end();
  if (bin_->wants_input())
    reply().resume_body();
  bin_->collect();
}

// --- the request's body -------------------------------------------------------------------

void WebPipeline::Runner::give(Bytes bytes)
{
  if (!bin_->takes_input() || has_failed_ || is_done_)
    return;
  bin_->give(glue::copy(bytes));
  if (!bin_->wants_input())
    reply().pause_body();
}

void WebPipeline::Runner::handle_body(Bytes bytes)
{
  server().stats().bytes_received.add(bytes.size());
  if (is_started_)
    give(bytes);
  else
    before_start_.insert(before_start_.end(), bytes.begin(), bytes.end());
}

void WebPipeline::Runner::handle_body_end(RequestBody::State state)
{
  if (state == RequestBody::State::too_large)
    return fail(413, "The request is larger than is allowed here");
  if (state != RequestBody::State::complete)
    return fail(400, "The body of the request cannot be read");
  has_body_ended_ = true;
  if (is_started_ && !has_failed_)
    bin_->give_end();
}

void WebPipeline::Runner::handle_input_room()
{
  if (reply().has_room())
    reply().resume_body();
}

// --- the answer ---------------------------------------------------------------------------

void WebPipeline::Runner::handle_output_event(GstEvent *event)
{
  if (!reply().has_begun() && first_.empty())
    hints_.take(event);
}

void WebPipeline::Runner::begin_with(std::optional<std::uint64_t> length)
{
  timer_.cancel();
  ResponseHead head{hints_.status != 0 ? hints_.status : 200, std::move(hints_.fields), length};
  const auto has_field = [&head](const char *name) {
    return std::ranges::any_of(head.fields, [name](const auto &field) {
      return g_ascii_strcasecmp(field.first.c_str(), name) == 0;
    });
  };
  if (head.status != 204 && length != 0)
    head.fields.emplace_back("Content-Type", hints_.content_type.empty()
                                                 ? "application/octet-stream"
                                                 : hints_.content_type);
  if (!has_field("Cache-Control"))
    head.fields.emplace_back("Cache-Control", "no-store");
  begin_answer(std::move(head));
}

void WebPipeline::Runner::handle_output(Bytes bytes)
{
  if (has_failed_ || is_done_ || bytes.empty())
    return;
  if (request().method == "HEAD") {
    // What it is can be told; how much there would be cannot.
    begin_with(std::nullopt);
    is_done_ = true;
    reply().end();
    return;
  }
  if (reply().has_begun())
    return write(bytes);
  if (first_.empty()) {
    first_.assign(bytes.begin(), bytes.end());
    timer_.set(server().frontend().reactor().now() + patience_ns);
    return;
  }
  begin_with(std::nullopt);
  write(std::exchange(first_, {}));
  write(bytes);
}

void WebPipeline::Runner::write(Bytes bytes)
{
  reply().write(bytes);
  if (reply().has_room())
    return;
  if (reply().queued() > max_growth * pool_->around().max_queued_bytes)
    return fail(500, "The pipeline makes too much of what the client sends");
  bin_->seat().gate.close();
  reply().pause_body();
}

void WebPipeline::Runner::handle_room()
{
  if (has_failed_ || is_done_)
    return;
  bin_->seat().gate.open();
  bin_->collect();
  if (reply().has_room() && is_started_ && bin_->wants_input())
    reply().resume_body();
}

void WebPipeline::Runner::handle_output_end()
{
  has_output_ended_ = true;
  finish_if_complete();
}

void WebPipeline::Runner::handle_sinks_end()
{
  have_sinks_ended_ = true;
  finish_if_complete();
}

// What the launch's own sinks have begun they shall finish, before the client is told that all
// is done.
void WebPipeline::Runner::finish_if_complete()
{
  const bool is_complete = (!bin_->gives_output() || has_output_ended_) &&
                           (!bin_->has_own_sinks() || have_sinks_ended_);
  if (!is_complete || has_failed_ || std::exchange(is_done_, true))
    return;
  if (!reply().has_begun()) {
    if (!bin_->gives_output() && hints_.status == 0)
      hints_.status = 204;
    begin_with(first_.size());
    reply().write(first_);
  }
  reply().end();
}

// --- what goes wrong ----------------------------------------------------------------------

void WebPipeline::Runner::fail(unsigned status, const char *sentence)
{
  if (std::exchange(has_failed_, true) || is_done_)
    return;
  timer_.cancel();
  if (reply().has_begun())
    reply().abort();
  else
    respond(failure(request(), status, sentence));
}

void WebPipeline::Runner::handle_bin_error(const std::string &what)
{
  GST_WARNING_OBJECT(pool_->around().server, "%s %s: %s", request().method.c_str(),
                     request().target.c_str(), what.c_str());
  fail(500, "The pipeline of this address has failed");
}

void WebPipeline::Runner::handle_time(std::uint64_t)
{
  if (first_.empty())
    return fail(504, "The pipeline of this address gives no answer");
  begin_with(std::nullopt);
  write(std::exchange(first_, {}));
}

// --- pipeline -----------------------------------------------------------------------------

std::variant<std::unique_ptr<WebPipeline>, std::string> WebPipeline::make(
    WebServer &server, std::shared_ptr<ClientBinPool> pool, ClientLaunch launch)
{
  std::unique_ptr<WebPipeline> made{
      new WebPipeline{server, std::move(pool), std::move(launch)}};
  auto bin = made->pool_->make(made->launch_);
  if (auto *why = std::get_if<std::string>(&bin))
    return std::move(*why);
  auto &usable = *std::get<std::unique_ptr<ClientBin>>(bin);
  if (auto why = usable.prepare())
    return std::move(*why);
  made->takes_input_ = usable.takes_input();
  made->gives_output_ = usable.gives_output();
  made->pool_->keep(std::move(std::get<std::unique_ptr<ClientBin>>(bin)));
  return made;
}

bool WebPipeline::has_place(WebServer &server, Exchange &exchange)
{
  const auto most = server.settings().max_pipelines;
  if (most == 0 || server.stats().pipelines.load(std::memory_order_relaxed) < most)
    return true;
  server.stats().refused_pipelines.add();
  auto response = failure(exchange.request(), 503, "There is too much to do just now");
  response.fields.emplace_back("Retry-After", "1");
  server.respond(exchange, std::move(response));
  return false;
}

void WebPipeline::serve(Exchange &exchange)
{
  const auto &request = exchange.request();
  const auto *methods = !takes_input_   ? "GET, HEAD, OPTIONS"
                        : gives_output_ ? "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
                                        : "OPTIONS, PATCH, POST, PUT";
  const auto has_method = [methods](const std::string &method) {
    return (std::string{", "} + methods + ',').find(", " + method + ',') != std::string::npos;
  };
  if (request.method == "OPTIONS")
    return server_.respond(exchange, server_.options(request, methods));
  if (!has_method(request.method)) {
    auto response = failure(request, 405, "That cannot be done at this address");
    response.fields.emplace_back("Allow", methods);
    return server_.respond(exchange, std::move(response));
  }
  const auto most = server_.settings().max_body_size;
  if (most > 0 && request.content_length > most)
    return server_.respond(exchange,
                           failure(request, 413, "The request is larger than is allowed here"));
  if (!has_place(server_, exchange))
    return;
  auto bin = pool_->take();
  if (!bin) {
    auto made = pool_->make(launch_);
    if (auto *new_bin = std::get_if<std::unique_ptr<ClientBin>>(&made))
      bin = std::move(*new_bin);
  }
  if (!bin)
    return server_.respond(exchange,
                           failure(request, 500, "There is no pipeline for this address"));
  server_.converse(exchange,
                   std::make_unique<Runner>(server_, exchange, pool_, std::move(bin), true));
}

void WebPipeline::serve_with(WebServer &server, const std::shared_ptr<ClientBinPool> &pool,
                             Exchange &exchange, GstElement *element, bool always_threads)
{
  if (!has_place(server, exchange))
    return;
  auto made = ClientBin::make_around(pool->around(), element, always_threads);
  if (const auto *why = std::get_if<std::string>(&made)) {
    GST_WARNING_OBJECT(pool->around().server, "%s: %s", exchange.request().target.c_str(),
                       why->c_str());
    return server.respond(
        exchange, failure(exchange.request(), 500, "There is no pipeline for this address"));
  }
  server.converse(exchange, std::make_unique<Runner>(
                                server, exchange, pool,
                                std::move(std::get<std::unique_ptr<ClientBin>>(made)), false));
}

}  // namespace kam::http
