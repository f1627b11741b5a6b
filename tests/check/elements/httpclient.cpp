// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/web_server.hpp"

#include "support/harness.hpp"
#include "support/leak_sanitiser.hpp"
#include "support/radio_server.hpp"
#include "support/random.hpp"
#include "support/tls_identity.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>

using namespace kam;
using namespace std::string_literals;
using test::Harness;
using test::RawServer;
using test::WebServer;

namespace {

constexpr auto list = "text/uri-list";
constexpr auto meta_name = "KamHttpResponseMeta";

void respond(SoupServerMessage *message, guint status, const std::string &body,
             const char *type = "text/plain")
{
  soup_server_message_set_status(message, status, nullptr);
  soup_server_message_set_response(message, type, SOUP_MEMORY_COPY, body.data(), body.size());
}

std::string body_of(SoupServerMessage *message)
{
  auto *body = soup_server_message_get_request_body(message);
  const auto bytes = glue::Ref<GBytes>::adopt(soup_message_body_flatten(body));
  gsize size = 0;
  const auto *data = static_cast<const char *>(g_bytes_get_data(bytes.get(), &size));
  return {data ? data : "", size};
}

std::string request_header(SoupServerMessage *message, const char *name)
{
  const char *value =
      soup_message_headers_get_one(soup_server_message_get_request_headers(message), name);
  return value ? value : "(none)";
}

// Says what it was asked for.
void echo(SoupServerMessage *message, const std::string &path)
{
  if (path.starts_with("/status/"))
    return respond(message, static_cast<guint>(std::stoi(path.substr(8))), "sorry");
  respond(message, 200,
          soup_server_message_get_method(message) + " "s + path + " " + body_of(message));
}

// One buffer that came out, with what it says about its response.
class Result {
 public:
  explicit Result(const Harness &h) : buffer_{gst_harness_pull(h.get())}
  {
    ck_assert_msg(buffer_ != nullptr, "nothing came out");
  }

  GstBuffer *buffer() const { return buffer_.get(); }
  std::string body() const
  {
    const auto bytes = test::bytes_of(buffer_.get());
    return std::string{as_text(bytes)};
  }
  bool has_flag(GstBufferFlags flag) const
  {
    return GST_BUFFER_FLAG_IS_SET(buffer_.get(), flag);
  }
  const GstStructure *meta() const
  {
    auto *meta = gst_buffer_get_custom_meta(buffer_.get(), meta_name);
    return meta ? gst_custom_meta_get_structure(meta) : nullptr;
  }
  std::string text(const char *field) const
  {
    const char *value = gst_structure_get_string(meta(), field);
    return value ? value : "";
  }
  std::string header(const char *name) const
  {
    const auto *headers = gst_value_get_structure(gst_structure_get_value(meta(), "headers"));
    const char *value = gst_structure_get_string(headers, name);
    return value ? value : "";
  }
  guint status() const
  {
    guint value = 0;
    gst_structure_get_uint(meta(), "status", &value);
    return value;
  }

 private:
  glue::BufferPtr buffer_;
};

void assert_text(const std::string &got, const std::string &want)
{
  ck_assert_msg(got == want, "\"%s\" instead of \"%s\"", got.c_str(), want.c_str());
}

void assert_bodies(const Harness &h, std::initializer_list<std::string> bodies)
{
  for (const auto &body : bodies)
    assert_text(Result{h}.body(), body);
}

// The next message of that kind; nothing else is looked at.
GstMessage *wait_for(GstBus *bus, GstMessageType type)
{
  auto *message = gst_bus_timed_pop_filtered(bus, 20 * GST_SECOND, type);
  ck_assert_msg(message != nullptr, "no %s", gst_message_type_get_name(type));
  return message;
}

class Bus {
 public:
  explicit Bus(const Harness &h) { gst_element_set_bus(h.element("httpclient"), bus_.get()); }
  GstBus *get() const { return bus_.get(); }

 private:
  glue::Ref<GstBus> bus_ = glue::Ref<GstBus>::adopt(gst_bus_new());
};

}  // namespace

GST_START_TEST(fetches_a_list_in_order)
{
  WebServer server{echo};
  Harness h{"httpclient", list};
  h.push("# three of them\r\n" + server.uri("/a") + "\r\n\r\n" + server.uri("/b") + "\n" +
         server.uri("/c") + "\n");
  assert_bodies(h, {"GET /a ", "GET /b ", "GET /c "});
  // A buffer ends its line.
  h.push(server.uri("/d"));
  h.push(server.uri("/e"));
  h.push("");
  assert_bodies(h, {"GET /d ", "GET /e "});
  h.end();
  ck_assert(!h.try_pull());
  ck_assert_uint_eq(h.stat("httpclient", "requests"), 5);
}
GST_END_TEST

// As filesrc cuts a list, anywhere.
GST_START_TEST(joins_lines_of_a_file)
{
  WebServer server{echo};
  const auto text =
      server.uri("/first") + "\n" + server.uri("/second") + "\n" + server.uri("/third");
  for (const std::size_t size : {1, 7, 40}) {
    Harness h{"httpclient", list};
    for (std::size_t at = 0; at < text.size(); at += size) {
      const auto piece = text.substr(at, size);
      auto *buffer = test::buffer_of(as_bytes(piece));
      GST_BUFFER_OFFSET(buffer) = at;
      GST_BUFFER_OFFSET_END(buffer) = at + piece.size();
      ck_assert_int_eq(h.push(buffer), GST_FLOW_OK);
    }
    h.end();
    assert_bodies(h, {"GET /first ", "GET /second ", "GET /third "});
  }
}
GST_END_TEST

GST_START_TEST(sends_what_the_caps_say)
{
  std::string seen;
  WebServer server{[&seen](SoupServerMessage *message, const std::string &path) {
    seen = request_header(message, "X-One") + "|" + request_header(message, "Content-Type") +
           "|" + request_header(message, "Content-Length");
    echo(message, path);
  }};
  Harness h{"httpclient"};
  const auto caps = "application/x-http-request, uri=(string)\"" + server.uri("/x") +
                    "\", method=(string)PUT, headers=(structure)\"h, x-one=(string)1, "
                    "content-type=(string)text/csv, bad=(string)\\\"a\\\\nb\\\", "
                    "content-length=(string)7 ;\"";
  gst_harness_set_src_caps_str(h.get(), caps.c_str());
  h.push("a,b,c");
  assert_bodies(h, {"PUT /x a,b,c"});
  ck_assert_str_eq(seen.c_str(), "1|text/csv|5");
  // Without a method, the body decides.
  gst_harness_set_src_caps_str(
      h.get(),
      ("application/x-http-request, uri=(string)\"" + server.uri("/y") + "\"").c_str());
  h.push("");
  h.push("body");
  assert_bodies(h, {"GET /y ", "POST /y body"});
  ck_assert_str_eq(seen.c_str(), "(none)|application/octet-stream|4");
}
GST_END_TEST

// Kamaelia's HTTPMakePostRequest.
GST_START_TEST(posts_everything_to_one_place)
{
  std::string type;
  WebServer server{[&type](SoupServerMessage *message, const std::string &path) {
    type = request_header(message, "Content-Type");
    echo(message, path);
  }};
  Harness h{"httpclient location=" + server.uri("/upload"), "application/x-bittorrent"};
  h.push("one");
  h.push("two");
  assert_bodies(h, {"POST /upload one", "POST /upload two"});
  ck_assert_str_eq(type.c_str(), "application/x-bittorrent");
}
GST_END_TEST

GST_START_TEST(needs_an_address)
{
  Harness h{"httpclient", "application/x-bittorrent"};
  const Bus bus{h};
  ck_assert_int_eq(h.push("one"), GST_FLOW_NOT_NEGOTIATED);
  gst_message_unref(wait_for(bus.get(), GST_MESSAGE_ERROR));
}
GST_END_TEST

// The first is answered only when all others have been asked for.
GST_START_TEST(asks_in_parallel_and_answers_in_order)
{
  std::mutex mutex;
  std::condition_variable changed;
  int others = 0;
  RawServer server{[&](const std::string &path, const RawServer::Connection &connection) {
    std::unique_lock lock{mutex};
    if (path == "/0") {
      changed.wait(lock, [&] { return others == 3; });
    } else {
      ++others;
      changed.notify_all();
    }
    lock.unlock();
    connection.send("HTTP/1.0 200 OK\r\n\r\n" + path);
  }};
  Harness h{"httpclient max-parallel=4", list};
  for (const auto *path : {"/0", "/1", "/2", "/3"})
    h.push(server.uri(path));
  assert_bodies(h, {"/0", "/1", "/2", "/3"});
}
GST_END_TEST

GST_START_TEST(tells_of_the_response)
{
  WebServer server{[](SoupServerMessage *message, const std::string &path) {
    if (path == "/from") {
      soup_server_message_set_redirect(message, 302, "/to?a=b");
      return;
    }
    auto *headers = soup_server_message_get_response_headers(message);
    soup_message_headers_append(headers, "X-Twice", "one");
    soup_message_headers_append(headers, "X-Twice", "two");
    respond(message, 203, "body", "text/html");
  }};
  Harness h{"httpclient", list};
  const Bus bus{h};
  auto *request = test::buffer_of(as_bytes(server.uri("/from")));
  GST_BUFFER_PTS(request) = 5 * GST_SECOND;
  h.push(request);
  const Result result{h};
  assert_text(result.body(), "body");
  ck_assert_uint_eq(GST_BUFFER_PTS(result.buffer()), 5 * GST_SECOND);
  ck_assert(result.has_flag(GST_BUFFER_FLAG_MARKER));
  ck_assert_uint_eq(result.status(), 203);
  ck_assert(result.text("request-uri") == server.uri("/from"));
  ck_assert(result.text("uri") == server.uri("/to?a=b"));
  ck_assert(result.header("content-type") == "text/html");
  ck_assert(result.header("x-twice") == "one, two");
  ck_assert(!gst_structure_has_field(result.meta(), "error"));
  guint redirects = 0;
  gst_structure_get_uint(result.meta(), "redirects", &redirects);
  ck_assert_uint_eq(redirects, 1);

  auto *message = wait_for(bus.get(), GST_MESSAGE_ELEMENT);
  const auto *fields = gst_message_get_structure(message);
  ck_assert(gst_structure_has_name(fields, "http-response"));
  guint64 bytes = 0;
  gst_structure_get_uint64(fields, "bytes", &bytes);
  ck_assert_uint_eq(bytes, 4);
  gst_message_unref(message);
  ck_assert_uint_eq(h.stat("httpclient", "redirects"), 1);
  ck_assert_uint_eq(h.stat("httpclient", "responses"), 1);
  ck_assert_uint_eq(h.stat("httpclient", "bytes"), 4);
}
GST_END_TEST

GST_START_TEST(puts_an_empty_buffer_for_a_failure)
{
  WebServer server{echo};
  RawServer dead{[](const std::string &, const RawServer::Connection &) {}};
  Harness h{"httpclient", list};
  h.push(server.uri("/status/404") + "\n" + dead.uri("/") + "\n" +
         "ftp://a/\nnonsense\nhttp:///\n" + "http://127.0.0.1:1/\n" +
         server.uri("/status/500") + "\n" + server.uri("/good"));
  for (const guint status : {404U, 0U, 0U, 0U, 0U, 0U, 500U}) {
    const Result result{h};
    ck_assert(result.body().empty());
    ck_assert_uint_eq(result.status(), status);
    ck_assert(!result.text("error").empty());
    ck_assert(result.has_flag(GST_BUFFER_FLAG_CORRUPTED));
  }
  assert_bodies(h, {"GET /good "});
  ck_assert_uint_eq(h.stat("httpclient", "failures"), 7);
}
GST_END_TEST

GST_START_TEST(skips_failures_if_told)
{
  WebServer server{echo};
  Harness h{"httpclient on-error=skip", list};
  h.push(server.uri("/status/404") + "\n" + server.uri("/a") + "\nnonsense\n" +
         server.uri("/b") + "\n");
  assert_bodies(h, {"GET /a ", "GET /b "});
}
GST_END_TEST

GST_START_TEST(stops_with_an_error_if_told)
{
  WebServer server{echo};
  const struct {
    std::string uri;
    int code;
  } cases[] = {{server.uri("/status/404"), GST_RESOURCE_ERROR_NOT_FOUND},
               {server.uri("/status/403"), GST_RESOURCE_ERROR_NOT_AUTHORIZED},
               {server.uri("/status/500"), GST_RESOURCE_ERROR_READ},
               {"nonsense", GST_RESOURCE_ERROR_READ}};
  for (const auto &c : cases) {
    Harness h{"httpclient on-error=error", list};
    const Bus bus{h};
    h.push(server.uri("/good") + "\n" + c.uri);
    assert_bodies(h, {"GET /good "});
    auto *message = wait_for(bus.get(), GST_MESSAGE_ERROR);
    GError *error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    ck_assert_msg(g_error_matches(error, GST_RESOURCE_ERROR, c.code), "%s: %s", c.uri.c_str(),
                  error->message);
    g_error_free(error);
    gst_message_unref(message);
    // Whoever brings more is told.
    GstFlowReturn flow = GST_FLOW_OK;
    while (flow == GST_FLOW_OK)
      flow = h.push(server.uri("/more"));
    ck_assert_int_eq(flow, GST_FLOW_ERROR);
    // One error is enough, also at the end.
    h.end();
    ck_assert(!gst_bus_pop_filtered(bus.get(), GST_MESSAGE_ERROR));
  }
}
GST_END_TEST

GST_START_TEST(follows_no_redirection_without_end)
{
  std::atomic<int> requests = 0;
  WebServer server{[&requests](SoupServerMessage *message, const std::string &) {
    ++requests;
    soup_server_message_set_redirect(message, 302, "/again");
  }};
  {
    Harness h{"httpclient max-redirects=3", list};
    h.push(server.uri("/"));
    const Result result{h};
    ck_assert(result.body().empty());
    ck_assert(!result.text("error").empty());
    ck_assert_int_eq(requests, 4);
  }
  Harness h{"httpclient automatic-redirect=false", list};
  h.push(server.uri("/"));
  const Result result{h};
  ck_assert_uint_eq(result.status(), 302);
  ck_assert(result.header("location").ends_with("/again"));
  ck_assert_int_eq(requests, 5);
}
GST_END_TEST

// What is meant for one server is not told to another (another port is another server).
GST_START_TEST(keeps_secrets_when_redirected)
{
  std::string seen;
  WebServer other{[&seen](SoupServerMessage *message, const std::string &) {
    seen = request_header(message, "Cookie") + "|" + request_header(message, "Authorization") +
           "|" + request_header(message, "X-Public");
    respond(message, 200, "ok");
  }};
  WebServer server{[&](SoupServerMessage *message, const std::string &path) {
    if (path == "/away")
      soup_server_message_set_redirect(message, 302, other.uri("/").c_str());
    else
      respond(message, 200, request_header(message, "Cookie"));
  }};
  Harness h{"httpclient extra-headers=\"h,authorization=(string)secret,x-public=(string)yes\"",
            list};
  const char *const cookies[] = {"a=b", "c=d", "bad\r\nX: y", nullptr};
  gst_element_set_state(h.element("httpclient"), GST_STATE_NULL);
  g_object_set(h.element("httpclient"), "cookies", cookies, nullptr);
  gst_harness_play(h.get());
  gst_harness_set_src_caps_str(h.get(), list);
  h.push(server.uri("/here"));
  h.push(server.uri("/away"));
  assert_bodies(h, {"a=b; c=d", "ok"});
  ck_assert_str_eq(seen.c_str(), "(none)|(none)|yes");
}
GST_END_TEST

GST_START_TEST(logs_in)
{
  WebServer server{[](SoupServerMessage *message, const std::string &path) {
    const auto given = request_header(message, "Authorization");
    if (given == "Basic bWU6cHc=")  // me:pw
      return respond(message, 200, path);
    soup_message_headers_append(soup_server_message_get_response_headers(message),
                                "WWW-Authenticate", "Basic realm=\"r\"");
    respond(message, 401, "who?");
  }};
  {
    Harness h{"httpclient user-id=me user-pw=pw", list};
    h.push(server.uri("/a"));
    assert_bodies(h, {"/a"});
  }
  Harness h{"httpclient user-id=me user-pw=wrong", list};
  h.push(server.uri("/b"));
  ck_assert_uint_eq(Result{h}.status(), 401);
  // In the address, as people write it; and it is not told to anybody.
  h.push("http://me:pw@127.0.0.1:" + std::to_string(server.port()) + "/c");
  const Result result{h};
  assert_text(result.body(), "/c");
  ck_assert(result.text("uri").find("pw") == std::string::npos);
}
GST_END_TEST

namespace {

glue::Ref<GTlsCertificate> certificate()
{
  const auto pem = std::string{test::tls_certificate} + test::tls_private_key;
  return glue::Ref<GTlsCertificate>::adopt(
      g_tls_certificate_new_from_pem(pem.c_str(), -1, nullptr));
}

}  // namespace

GST_START_TEST(speaks_tls)
{
  test::leaks_cannot_be_counted = true;
  WebServer server{echo, certificate().get()};
  const auto uri = server.uri("/a", "https");
  {
    Harness h{"httpclient", list};
    h.push(uri);
    const Result result{h};
    ck_assert_uint_eq(result.status(), 0);
    ck_assert(result.has_flag(GST_BUFFER_FLAG_CORRUPTED));
    ck_assert(!result.text("error").empty());
  }
  {
    Harness h{"httpclient ssl-strict=false", list};
    h.push(uri);
    assert_bodies(h, {"GET /a "});
  }
  const test::TlsAuthorities authorities;
  Harness h{"httpclient", list};
  gst_element_set_state(h.element("httpclient"), GST_STATE_NULL);
  g_object_set(h.element("httpclient"), "tls-database", authorities.database(), nullptr);
  gst_harness_play(h.get());
  gst_harness_set_src_caps_str(h.get(), list);
  h.push(uri);
  assert_bodies(h, {"GET /a "});
}
GST_END_TEST

// A proxy gets the whole address, or passes on what it cannot read; either asks who we are.
GST_START_TEST(goes_through_a_proxy)
{
  test::leaks_cannot_be_counted = true;
  WebServer server{echo, certificate().get()};
  const auto is_known = [](test::Peer &peer) {
    if (peer.header("Proxy-Authorization") == "Basic bWU6cHc=")  // me:pw
      return true;
    peer.send(
        "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=\"r\"\r\n"
        "Content-Length: 0\r\nConnection: close\r\n\r\n");
    return false;
  };
  test::RadioServer proxy;
  proxy.on("http://far.invalid/a", [&](test::Peer &peer) {
    if (is_known(peer))
      peer.send("HTTP/1.0 200 OK\r\n\r\nfrom far away");
  });
  proxy.on("127.0.0.1:" + std::to_string(server.port()), [&](test::Peer &peer) {
    if (is_known(peer))
      peer.tunnel_to(static_cast<unsigned>(server.port()));
  });
  Harness h{"httpclient ssl-strict=false proxy-id=me proxy-pw=pw proxy=127.0.0.1:" +
                std::to_string(proxy.port()),
            list};
  h.push("http://far.invalid/a");
  h.push(server.uri("/b", "https"));
  assert_bodies(h, {"from far away", "GET /b "});
}
GST_END_TEST

GST_START_TEST(gives_chunks_as_they_come)
{
  std::atomic<bool> may_end = false;
  RawServer server{[&](const std::string &path, const RawServer::Connection &connection) {
    if (path == "/none") {
      connection.send("HTTP/1.0 200 OK\r\n\r\n");
      return;
    }
    connection.send("HTTP/1.0 200 OK\r\n\r\nfirst");
    while (!may_end)
      std::this_thread::yield();
    connection.send("second");
  }};
  Harness h{"httpclient output-mode=chunks", list};
  h.push(server.uri("/a"));
  const Result first{h};
  may_end = true;
  const Result second{h};
  const Result last{h};
  assert_text(first.body() + second.body() + last.body(), "firstsecond");
  ck_assert(first.has_flag(GST_BUFFER_FLAG_DISCONT) &&
            !second.has_flag(GST_BUFFER_FLAG_DISCONT));
  ck_assert(!second.has_flag(GST_BUFFER_FLAG_MARKER) && last.has_flag(GST_BUFFER_FLAG_MARKER));
  ck_assert(last.body().empty());
  ck_assert_uint_eq(GST_BUFFER_OFFSET(second.buffer()), 5);
  ck_assert_uint_eq(GST_BUFFER_OFFSET_END(second.buffer()), 11);
  ck_assert_uint_eq(first.status(), 200);
  ck_assert(second.meta() == nullptr);
  ck_assert_uint_eq(last.status(), 200);
  h.push(server.uri("/none"));
  const Result none{h};
  ck_assert(none.has_flag(GST_BUFFER_FLAG_DISCONT) && none.has_flag(GST_BUFFER_FLAG_MARKER));
}
GST_END_TEST

GST_START_TEST(carries_any_bytes)
{
  test::Random random{1};
  const auto bytes = random.bytes(3'000'000);
  const std::string body{as_text(bytes)};
  WebServer server{[&body](SoupServerMessage *message, const std::string &) {
    respond(message, 200, body);
  }};
  {
    Harness h{"httpclient", list};
    h.push(server.uri("/"));
    ck_assert(Result{h}.body() == body);
  }
  Harness h{"httpclient output-mode=chunks max-parallel=2", list};
  h.push(server.uri("/a") + "\n" + server.uri("/b") + "\n");
  for (int i = 0; i < 2; ++i) {
    std::string got;
    bool last = false;
    while (!last) {
      const Result result{h};
      got += result.body();
      last = result.has_flag(GST_BUFFER_FLAG_MARKER);
    }
    ck_assert(got == body);
  }
}
GST_END_TEST

GST_START_TEST(keeps_the_limit_of_bodies)
{
  RawServer server{[](const std::string &path, const RawServer::Connection &connection) {
    if (path == "/endless") {
      connection.send("HTTP/1.0 200 OK\r\n\r\n");
      while (connection.send(std::string(100000, 'x'))) {
      }
    } else if (path == "/declared") {
      connection.send("HTTP/1.0 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nxx");
      connection.hang();
    } else {
      connection.send("HTTP/1.0 200 OK\r\nContent-Length: 1000\r\n\r\n" +
                      std::string(1000, 'x'));
    }
  }};
  Harness h{"httpclient max-body-size=1000", list};
  h.push(server.uri("/fits"));
  ck_assert_uint_eq(Result{h}.body().size(), 1000);
  h.push(server.uri("/endless"));
  assert_text(Result{h}.text("error"), "its body is larger than max-body-size");
  // Nothing is allocated because somebody declared it.
  h.push(server.uri("/declared"));
}
GST_END_TEST

// What is cut off is not taken for whole, where HTTP can tell.
GST_START_TEST(survives_servers_that_misbehave)
{
  RawServer server{[](const std::string &path, const RawServer::Connection &connection) {
    if (path == "/short")
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nxx");
    else if (path == "/reset") {
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nxx");
      connection.reset();
    } else if (path == "/garbage")
      connection.send("\x16\x03\x01 what?\r\n\r\n\r\n");
    else if (path == "/half")
      connection.send("HTTP/1.1 200 OK\r\nContent-Le");
    else if (path == "/huge-head") {
      connection.send("HTTP/1.1 200 OK\r\n");
      while (connection.send("X: " + std::string(1000, 'x') + "\r\n")) {
      }
    } else if (path == "/bad-chunk")
      connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nxx");
    else if (path == "/latin-1")
      connection.send("HTTP/1.0 200 \xd6K\r\nX-Y: \xd6\r\n\r\nok");
  }};
  Harness h{"httpclient", list};
  for (const auto *path : {"/short", "/reset", "/garbage", "/half", "/huge-head"}) {
    h.push(server.uri(path));
    const Result result{h};
    ck_assert_msg(result.body().empty() && !result.text("error").empty(), "%s: \"%s\"", path,
                  result.body().c_str());
  }
  h.push(server.uri("/latin-1"));
  const Result result{h};
  assert_text(result.body(), "ok");
  // Chunks that have left are followed by an end that says so.
  Harness chunks{"httpclient output-mode=chunks on-error=skip", list};
  chunks.push(server.uri("/short"));
  assert_text(Result{chunks}.body(), "xx");
  const Result end{chunks};
  ck_assert(end.has_flag(GST_BUFFER_FLAG_MARKER) && end.has_flag(GST_BUFFER_FLAG_CORRUPTED));
}
GST_END_TEST

// With no time-outs set, each of these would last for ever.
GST_START_TEST(stops_at_once)
{
  RawServer server{[](const std::string &path, const RawServer::Connection &connection) {
    if (path == "/body")
      connection.send("HTTP/1.0 200 OK\r\n\r\nbegin");
    connection.hang();
  }};
  for (const auto *mode : {"body", "chunks"})
    for (const auto *path : {"/head", "/body"}) {
      auto h = std::make_unique<Harness>(
          "httpclient timeout=0 max-parallel=3 output-mode="s + mode, list);
      for (int i = 0; i < 3; ++i)
        h->push(server.uri(path));
      if (mode == "chunks"s && path == "/body"s)
        assert_text(Result{*h}.body(), "begin");
      h.reset();
    }
  // Also while somebody waits to bring one more.
  Harness h{"httpclient timeout=0", list};
  h.push(server.uri("/head"));
  std::thread waits{[&] { ck_assert_int_eq(h.push(server.uri("/head")), GST_FLOW_FLUSHING); }};
  gst_element_set_state(h.element("httpclient"), GST_STATE_NULL);
  waits.join();
}
GST_END_TEST

GST_START_TEST(gives_up_after_the_time_outs)
{
  RawServer server{[](const std::string &path, const RawServer::Connection &connection) {
    if (path == "/drip") {
      connection.send("HTTP/1.0 200 OK\r\n\r\n");
      while (connection.send("x"))
        g_usleep(10000);
    }
    connection.hang();
  }};
  Harness h{"httpclient timeout=1 response-timeout=1", list};
  h.push(server.uri("/drip"));
  assert_text(Result{h}.text("error"), "it takes too long");
  Harness silent{"httpclient timeout=1", list};
  silent.push(server.uri("/silent"));
  ck_assert(!Result{silent}.text("error").empty());
}
GST_END_TEST

GST_START_TEST(forgets_everything_at_a_flush)
{
  RawServer hanging{
      [](const std::string &, const RawServer::Connection &connection) { connection.hang(); }};
  WebServer server{echo};
  Harness h{"httpclient max-parallel=2", list};
  h.push(hanging.uri("/1") + "\n" + hanging.uri("/2"));
  h.push_event(gst_event_new_flush_start());
  h.push_event(gst_event_new_flush_stop(TRUE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  h.push_event(gst_event_new_segment(&segment));
  h.push(server.uri("/after"));
  assert_bodies(h, {"GET /after "});
}
GST_END_TEST

GST_START_TEST(ends_after_the_last_response)
{
  WebServer server{echo};
  Harness h{"httpclient max-parallel=3", list};
  for (int i = 0; i < 20; ++i)
    h.push(server.uri("/" + std::to_string(i)));
  auto *query = gst_query_new_drain();
  gst_pad_peer_query(h.get()->srcpad, query);
  gst_query_unref(query);
  ck_assert_uint_eq(gst_harness_buffers_in_queue(h.get()), 20);
  h.push(server.uri("/20"));
  h.end();
  for (GstEvent *event = nullptr; (event = gst_harness_pull_event(h.get())) != nullptr;) {
    const bool ended = GST_EVENT_TYPE(event) == GST_EVENT_EOS;
    gst_event_unref(event);
    if (ended)
      break;
  }
  ck_assert_uint_eq(gst_harness_buffers_in_queue(h.get()), 21);
  for (int i = 0; i <= 20; ++i)
    assert_bodies(h, {"GET /" + std::to_string(i) + " "});
}
GST_END_TEST

GST_START_TEST(drops_lines_that_are_no_addresses)
{
  WebServer server{echo};
  Harness h{"httpclient", list};
  h.push(std::string(10000, 'x') + "\n" + server.uri("/a") + "\n" + std::string(9000, 'y'));
  assert_bodies(h, {"GET /a "});
  h.end();
  ck_assert_uint_eq(h.stat("httpclient", "lines-dropped"), 2);
}
GST_END_TEST

static Suite *httpclient_suite()
{
  Suite *suite = suite_create("httpclient");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, fetches_a_list_in_order);
  tcase_add_test(tc, joins_lines_of_a_file);
  tcase_add_test(tc, sends_what_the_caps_say);
  tcase_add_test(tc, posts_everything_to_one_place);
  tcase_add_test(tc, needs_an_address);
  tcase_add_test(tc, asks_in_parallel_and_answers_in_order);
  tcase_add_test(tc, tells_of_the_response);
  tcase_add_test(tc, puts_an_empty_buffer_for_a_failure);
  tcase_add_test(tc, skips_failures_if_told);
  tcase_add_test(tc, stops_with_an_error_if_told);
  tcase_add_test(tc, follows_no_redirection_without_end);
  tcase_add_test(tc, keeps_secrets_when_redirected);
  tcase_add_test(tc, logs_in);
  tcase_add_test(tc, speaks_tls);
  tcase_add_test(tc, goes_through_a_proxy);
  tcase_add_test(tc, gives_chunks_as_they_come);
  tcase_add_test(tc, carries_any_bytes);
  tcase_add_test(tc, keeps_the_limit_of_bodies);
  tcase_add_test(tc, survives_servers_that_misbehave);
  tcase_add_test(tc, stops_at_once);
  tcase_add_test(tc, gives_up_after_the_time_outs);
  tcase_add_test(tc, forgets_everything_at_a_flush);
  tcase_add_test(tc, ends_after_the_last_response);
  tcase_add_test(tc, drops_lines_that_are_no_addresses);
  return suite;
}

GST_CHECK_MAIN(httpclient)
