// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/http_client.hpp"
#include "support/random.hpp"
#include "support/temporary_folder.hpp"
#include "support/warnings.hpp"

#include <gst/gst.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gst/check/gstcheck.h>  // last: it defines a macro called fail
#undef fail

using namespace kam;
using namespace kam::test;

namespace {

int status_of(const std::string &answer)
{
  return answer.size() < 12 ? 0 : std::stoi(answer.substr(9, 3));
}

class Server {
 public:
  explicit Server(const std::string &routes, const std::string &properties = {},
                  bool is_started = true)
  {
    const auto line = "httpserver address=127.0.0.1 port=0 " + properties;
    element_ = gst_parse_launch(line.c_str(), nullptr);
    ck_assert(element_);
    gst_object_ref_sink(element_);
    // As a pipeline would: without a clock what is live knows no pace.
    auto *clock = gst_system_clock_obtain();
    gst_element_set_clock(element_, clock);
    gst_element_set_base_time(element_, gst_clock_get_time(clock));
    gst_object_unref(clock);
    g_object_set(element_, "routes", routes.c_str(), nullptr);
    bus_ = gst_bus_new();
    gst_element_set_bus(element_, bus_);
    if (is_started)
      start();
  }
  ~Server()
  {
    gst_element_set_state(element_, GST_STATE_NULL);
    gst_element_set_bus(element_, nullptr);
    gst_object_unref(bus_);
    gst_object_unref(element_);
  }
  Server(const Server &) = delete;
  Server &operator=(const Server &) = delete;

  void start() const
  {
    ck_assert_int_ne(gst_element_set_state(element_, GST_STATE_PLAYING),
                     GST_STATE_CHANGE_FAILURE);
    ck_assert_int_ne(gst_element_get_state(element_, nullptr, nullptr, 20 * GST_SECOND),
                     GST_STATE_CHANGE_FAILURE);
    ck_assert_int_gt(port(), 0);
  }
  GstElement *element() const { return element_; }
  GstBus *bus() const { return bus_; }
  int port() const
  {
    gint port = 0;
    g_object_get(element_, "bound-port", &port, nullptr);
    return port;
  }
  guint64 stat(const char *name) const
  {
    GstStructure *stats = nullptr;
    g_object_get(element_, "stats", &stats, nullptr);
    guint64 value = 0;
    ck_assert_msg(gst_structure_get_uint64(stats, name, &value), "%s", name);
    gst_structure_free(stats);
    return value;
  }
  void wait_for(const char *name, guint64 value) const
  {
    for (int i = 0; i < 4000 && stat(name) != value; ++i)
      g_usleep(5000);
    ck_assert_uint_eq(stat(name), value);
  }

  // Until a HEAD request has that status.
  void await(const std::string &path, int status) const
  {
    const auto asked = [&] { return status_of(answer("HEAD " + path + " HTTP/1.1\r\n")); };
    for (int i = 0; i < 1000 && asked() != status; ++i)
      g_usleep(10'000);
    ck_assert_int_eq(asked(), status);
  }

  // One request on a connection of its own, to the end.
  std::string answer(const std::string &head, const std::string &body = {}) const
  {
    return answer_to(port(), head + "Host: h\r\nConnection: close\r\n\r\n" + body);
  }
  std::string get(const std::string &path, const std::string &fields = {}) const
  {
    return answer("GET " + path + " HTTP/1.1\r\n" + fields);
  }

 private:
  GstElement *element_;
  GstBus *bus_;
};

std::string body_of(const std::string &answer)
{
  const auto at = answer.find("\r\n\r\n");
  return at == std::string::npos ? "" : answer.substr(at + 4);
}

std::string field_of(const std::string &answer, const std::string &name)
{
  const auto head = answer.substr(0, answer.find("\r\n\r\n") + 2);
  const auto at = head.find("\r\n" + name + ": ");
  if (at == std::string::npos)
    return "";
  const auto begin = at + name.size() + 4;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

// Of a body in chunks.
std::string unchunked(std::string wire)
{
  std::string data;
  for (;;) {
    const auto size = std::stoul(wire, nullptr, 16);
    wire.erase(0, wire.find("\r\n") + 2);
    if (size == 0) {
      ck_assert(wire == "\r\n");
      return data;
    }
    data += wire.substr(0, size);
    ck_assert(wire.substr(size, 2) == "\r\n");
    wire.erase(0, size + 2);
  }
}

// Without a period that a mistake by whole pieces could hide in.
std::string random_text(std::size_t size, std::uint32_t seed = 1)
{
  Random random{seed};
  std::string text;
  text.reserve(size);
  const auto piece = random.bytes(4099, "\r\n0");
  while (text.size() < size) {
    const auto rest = as_text(piece).substr(text.size() % 97);
    text += rest.substr(0, size - text.size());
  }
  return text;
}

// What never ends, and is little work.
const std::string small_video =
    "videotestsrc is-live=true ! video/x-raw,format=GRAY8,width=16,height=16";

void expect(const std::string &answer, int status)
{
  ck_assert_msg(status_of(answer) == status, "%s", answer.substr(0, 400).c_str());
}

}  // namespace

// --- files --------------------------------------------------------------------------------

START_TEST(files)
{
  const TemporaryFolder place;
  const auto large = random_text(3'000'000);
  place.write("a.txt", "hello");
  place.write("empty", "");
  place.write("large.bin", large);
  place.write("sub/index.html", "<p>h\xc3\xa9");
  place.write("\xc3\xbc b.txt", "umlaut");
  const Server server{"/files=dir:" + place.path() + ";/=dir:" + place.path("sub")};

  auto got = server.get("/files/a.txt");
  expect(got, 200);
  ck_assert(body_of(got) == "hello" && field_of(got, "Content-Length") == "5");
  ck_assert(field_of(got, "Content-Type") == "text/plain; charset=utf-8");
  ck_assert(field_of(got, "Accept-Ranges") == "bytes" && !field_of(got, "ETag").empty());
  ck_assert(field_of(got, "Last-Modified").ends_with(" GMT"));
  ck_assert(field_of(got, "X-Content-Type-Options") == "nosniff");
  ck_assert(body_of(server.get("/files/empty")).empty());
  ck_assert(body_of(server.get("/files/large.bin")) == large);
  ck_assert(body_of(server.get("/files/%C3%BC%20b.txt")) == "umlaut");
  ck_assert(body_of(server.get("/files//a.txt?x=y")) == "hello");

  got = server.answer("HEAD /files/large.bin HTTP/1.1\r\n");
  expect(got, 200);
  ck_assert(body_of(got).empty() && field_of(got, "Content-Length") == "3000000");
  got = server.get("/files/sub?x=1");
  expect(got, 301);
  ck_assert(field_of(got, "Location") == "/files/sub/?x=1");
  got = server.get("/files/sub/");
  ck_assert(body_of(got) == "<p>h\xc3\xa9");
  ck_assert(field_of(got, "Content-Type") == "text/html; charset=utf-8");
  ck_assert(body_of(server.get("/")) == "<p>h\xc3\xa9");
  expect(server.get("/files/a.txt/"), 404);
  expect(server.get("/files/nothing"), 404);
  got = server.answer("DELETE /files/a.txt HTTP/1.1\r\n");
  expect(got, 405);
  ck_assert(field_of(got, "Allow") == "GET, HEAD, OPTIONS");
  expect(server.answer("OPTIONS /files/a.txt HTTP/1.1\r\n"), 204);
  // Who sends a body along is answered, and not kept.
  expect(server.answer("GET /files/a.txt HTTP/1.1\r\nContent-Length: 5\r\n", "GET /"), 200);
  server.wait_for("responses-2xx", 10);
}
END_TEST

START_TEST(ranges)
{
  const TemporaryFolder place;
  const auto text = random_text(1'000'000);
  place.write("f.bin", text);
  const Server server{"/=dir:" + place.path()};
  auto got = server.get("/f.bin", "Range: bytes=10-19\r\n");
  expect(got, 206);
  ck_assert(body_of(got) == text.substr(10, 10));
  ck_assert(field_of(got, "Content-Range") == "bytes 10-19/1000000");
  got = server.get("/f.bin", "Range: bytes=500000-\r\n");
  ck_assert(status_of(got) == 206 && body_of(got) == text.substr(500'000));
  got = server.get("/f.bin", "Range: bytes=-7\r\n");
  ck_assert(status_of(got) == 206 && body_of(got) == text.substr(text.size() - 7));
  got = server.get("/f.bin", "Range: bytes=1000000-\r\n");
  expect(got, 416);
  ck_assert(field_of(got, "Content-Range") == "bytes */1000000");
  got = server.get("/f.bin", "Range: nonsense\r\n");
  ck_assert(status_of(got) == 200 && body_of(got) == text);

  const auto content_type = field_of(got, "Content-Type");
  got = server.get("/f.bin", "Range: bytes=0-9,200000-599999\r\n");
  expect(got, 206);
  const auto type = field_of(got, "Content-Type");
  ck_assert(type.starts_with("multipart/byteranges; boundary="));
  const auto between = "\r\n--" + type.substr(type.find('=') + 1);
  const auto part = [&](const std::string &range) {
    return between + "\r\nContent-Type: " + content_type + "\r\nContent-Range: bytes " + range +
           "/1000000\r\n\r\n";
  };
  ck_assert(body_of(got) == part("0-9") + text.substr(0, 10) + part("200000-599999") +
                                text.substr(200'000, 400'000) + between + "--\r\n");
  ck_assert(field_of(got, "Content-Length") == std::to_string(body_of(got).size()));

  // 20,000 parts are the file once.
  std::string many = "Range: bytes=0-";
  for (int i = 0; i < 3000; ++i)
    many += ",0-";
  got = server.get("/f.bin", many + "\r\n");
  expect(got, 200);
  ck_assert(body_of(got) == text);

  const auto etag = field_of(server.get("/f.bin"), "ETag");
  ck_assert_int_eq(
      status_of(server.get("/f.bin", "Range: bytes=0-1\r\nIf-Range: " + etag + "\r\n")), 206);
  ck_assert_int_eq(status_of(server.get("/f.bin", "Range: bytes=0-1\r\nIf-Range: \"x\"\r\n")),
                   200);
}
END_TEST

START_TEST(conditions)
{
  const TemporaryFolder place;
  place.write("f", "x");
  const Server server{"/=dir:" + place.path(), "cache-control=max-age=60"};
  const auto first = server.get("/f");
  const auto etag = field_of(first, "ETag");
  ck_assert(field_of(first, "Cache-Control") == "max-age=60");
  const auto again = server.get("/f", "If-None-Match: " + etag + "\r\n");
  expect(again, 304);
  ck_assert(body_of(again).empty() && field_of(again, "ETag") == etag);
  ck_assert(field_of(again, "Content-Length").empty());
  expect(server.get("/f", "If-Modified-Since: " + field_of(first, "Last-Modified") + "\r\n"),
         304);
  expect(server.get("/f", "If-Match: \"other\"\r\n"), 412);
  place.write("f", "other");
  const auto changed = server.get("/f", "If-None-Match: " + etag + "\r\n");
  ck_assert(status_of(changed) == 200 && field_of(changed, "ETag") != etag);
}
END_TEST

// Whatever a client says, and whatever links there are.
START_TEST(no_way_out)
{
  const TemporaryFolder place;
  place.write("in/a", "a");
  place.write("in/.secret", "hidden");
  place.write("in/.git/config", "hidden");
  place.write("secret", "secret");
  place.link("in/up", "../secret");
  place.link("in/out", "..");
  place.link("in/root", "/");
  const Server server{"/d=dir:" + place.path("in")};
  for (const auto *path : {"/d/../secret",
                           "/d/%2e%2e/secret",
                           "/d/%2E./secret",
                           "/d/..%2fsecret",
                           "/d/..%5csecret",
                           "/d/..\\secret",
                           "/d/a%00",
                           "/d/%00/../a",
                           "/d/up",
                           "/d/out/secret",
                           "/d/out/",
                           "/d/root/etc/passwd",
                           "/d/./a",
                           "/d/a%2f..%2f..%2fsecret",
                           "/d/%252e%252e/secret",
                           "/d/%c0%ae%c0%ae/secret",
                           "/d/.secret",
                           "/d/.git/config",
                           "/d/....//secret",
                           "/d//etc/passwd",
                           "//etc/passwd",
                           "/d/%",
                           "/../../etc/passwd"}) {
    const auto got = server.get(path);
    ck_assert_msg(status_of(got) == 400 || status_of(got) == 404, "%s: %s", path, got.c_str());
    ck_assert(got.find("root:") == std::string::npos && body_of(got) != "secret");
  }
  const auto list = body_of(server.get("/d/"));
  ck_assert(list.find("./a\"") != std::string::npos);
  ck_assert(list.find("secret") == std::string::npos && list.find("out") == std::string::npos);
  g_object_set(server.element(), "hidden-files", TRUE, nullptr);
  ck_assert(body_of(server.get("/d/.secret")) == "hidden");
  g_object_set(server.element(), "directory-listing", FALSE, nullptr);
  expect(server.get("/d/"), 403);
}
END_TEST

START_TEST(variants)
{
  const TemporaryFolder place;
  place.write("a.js", "plain");
  place.write("a.js.gz", "zipped");
  place.write("a.js.br", "brotli");
  const Server server{"/=dir:" + place.path(), "precompressed=true"};
  const auto sent = [&](const std::string &accepted) {
    const auto got = server.get("/a.js", "Accept-Encoding: " + accepted + "\r\n");
    ck_assert(field_of(got, "Vary") == "Accept-Encoding");
    return field_of(got, "Content-Encoding") + ':' + body_of(got);
  };
  ck_assert(sent("gzip, deflate, br") == "br:brotli");
  ck_assert(sent("gzip") == "gzip:zipped");
  ck_assert(sent("br;q=0.1, gzip") == "gzip:zipped");
  ck_assert(sent("identity") == ":plain");
  ck_assert(sent("br;q=0, gzip;q=0") == ":plain");
  const auto type = field_of(server.get("/a.js", "Accept-Encoding: gzip\r\n"), "Content-Type");
  ck_assert_msg(type.find("javascript") != std::string::npos, "%s", type.c_str());
  // As text for who would rather have that, and as a page for browsers.
  ck_assert(
      field_of(server.get("/x", "Accept: */*\r\n"), "Content-Type").starts_with("text/plain"));
  ck_assert(field_of(server.get("/x", "Accept: text/html,*/*;q=0.8\r\n"), "Content-Type")
                .starts_with("text/html"));
}
END_TEST

START_TEST(other_origins)
{
  const TemporaryFolder place;
  place.write("a", "a");
  const Server server{"/=dir:" + place.path() + ";/echo=identity",
                      "cors-origin=https://example.org"};
  const auto got = server.get("/a", "Origin: https://example.org\r\n");
  ck_assert(field_of(got, "Access-Control-Allow-Origin") == "https://example.org");
  ck_assert(field_of(got, "Access-Control-Expose-Headers").find("Content-Range") !=
            std::string::npos);
  const auto asked = server.answer(
      "OPTIONS /echo HTTP/1.1\r\nOrigin: https://example.org\r\n"
      "Access-Control-Request-Method: PUT\r\n"
      "Access-Control-Request-Headers: x-a, x-b\r\n");
  expect(asked, 204);
  ck_assert(field_of(asked, "Access-Control-Allow-Methods").find("PUT") != std::string::npos);
  ck_assert(field_of(asked, "Access-Control-Allow-Headers") == "x-a, x-b");
  const Server closed{"/=dir:" + place.path()};
  ck_assert(field_of(closed.get("/a"), "Access-Control-Allow-Origin").empty());
}
END_TEST

// Many requests on one connection, also if they are sent without waiting.
START_TEST(connections_are_kept)
{
  const TemporaryFolder place;
  place.write("a", "hello");
  place.write("large", random_text(200'000));
  const Server server{"/=dir:" + place.path() + ";/echo=identity", "max-requests=8"};
  HttpClient client{server.port()};
  for (int i = 0; i < 3; ++i) {
    client.get("/a");
    ck_assert(client.read_until("hello"));
    ck_assert(client.field("Connection") == "keep-alive");
    client.received.clear();
  }
  client.send(
      "GET /large HTTP/1.1\r\nHost: h\r\n\r\nPOST /echo HTTP/1.1\r\nHost: h\r\n"
      "Content-Length: 3\r\n\r\nabcGET /a HTTP/1.1\r\nHost: h\r\n\r\n"
      "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n");
  ck_assert(client.read_until("nothing at this address"));
  ck_assert(client.received.find("\r\n\r\nabcHTTP/1.1 200 OK") != std::string::npos);
  // The eighth is the last.
  client.received.clear();
  client.get("/a");
  ck_assert(client.read_all());
  ck_assert(client.field("Connection") == "close" && client.body() == "hello");
  ck_assert_uint_eq(server.stat("connections"), 1);
}
END_TEST

// --- pipelines ----------------------------------------------------------------------------

START_TEST(pipelines_answer)
{
  const Server server{
      "/one=videotestsrc num-buffers=1 ! video/x-raw,format=GRAY8,width=16,height=16 ! identity;"
      "/many=videotestsrc num-buffers=5 ! video/x-raw,format=GRAY8,width=16,height=16 ! identity;"
      "/none=videotestsrc num-buffers=0"};
  auto got = server.get("/one");
  expect(got, 200);
  // Who takes longer to find its end sends it in chunks.
  const bool has_length = field_of(got, "Content-Length") == "256";
  ck_assert((has_length ? body_of(got) : unchunked(body_of(got))).size() == 256);
  ck_assert(field_of(got, "Content-Type") == "video/x-raw");
  ck_assert(field_of(got, "Cache-Control") == "no-store");
  got = server.get("/many");
  ck_assert(field_of(got, "Transfer-Encoding") == "chunked");
  ck_assert_uint_eq(unchunked(body_of(got)).size(), 5 * 256);
  // HTTP/1.0 has no chunks: the end is that of the connection.
  got = server.answer("GET /many HTTP/1.0\r\n");
  ck_assert(field_of(got, "Transfer-Encoding").empty() && body_of(got).size() == 5 * 256);
  got = server.answer("HEAD /many HTTP/1.1\r\n");
  ck_assert(status_of(got) == 200 && body_of(got).empty());
  ck_assert(field_of(got, "Content-Type") == "video/x-raw");
  got = server.get("/none");
  ck_assert(status_of(got) == 200 && field_of(got, "Content-Length") == "0");
  got = server.answer("POST /one HTTP/1.1\r\nContent-Length: 1\r\n", "x");
  expect(got, 405);
  ck_assert(field_of(got, "Allow") == "GET, HEAD, OPTIONS");
  server.wait_for("pipelines", 0);
}
END_TEST

// What a client sends goes in, what comes out it gets: with threads and without, by length and
// in chunks, small and large.
START_TEST(bodies_go_through)
{
  for (const auto *threads : {"request-threads=true", "request-threads=false"}) {
    const Server server{"/echo=identity;/queue=queue", threads};
    const bool is_own = std::string_view{threads} == "request-threads=false";
    for (const std::size_t size : {0U, 1U, 5000U, 1'500'000U}) {
      const auto text = random_text(size, 7);
      for (const auto *path : {"/echo", "/queue"}) {
        const auto by_length =
            server.answer(std::string{"POST "} + path + " HTTP/1.1\r\nContent-Type: a/b\r\n" +
                              "Content-Length: " + std::to_string(size) + "\r\n",
                          text);
        expect(by_length, 200);
        const bool has_chunks = !field_of(by_length, "Transfer-Encoding").empty();
        ck_assert((has_chunks ? unchunked(body_of(by_length)) : body_of(by_length)) == text);
        // In the server's own thread the end comes with the piece.
        if (size <= 5000 && is_own && std::string_view{path} == "/echo")
          ck_assert(!has_chunks);
        if (size > 0)
          ck_assert(field_of(by_length, "Content-Type") == "a/b");
      }
      std::string chunks;
      for (std::size_t at = 0; at < size; at += 70'000) {
        const auto part = text.substr(at, 70'000);
        gchar *head = g_strdup_printf("%zx\r\n", part.size());
        chunks.append(head).append(part).append("\r\n");
        g_free(head);
      }
      const auto got = server.answer(
          "PUT /echo HTTP/1.0\r\nContent-Length: " + std::to_string(size) + "\r\n", text);
      ck_assert(body_of(got) == text);
      const auto in_chunks = server.answer(
          "PUT /queue HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", chunks + "0\r\n\r\n");
      const bool has_chunks = !field_of(in_chunks, "Transfer-Encoding").empty();
      ck_assert((has_chunks ? unchunked(body_of(in_chunks)) : body_of(in_chunks)) == text);
    }
  }
}
END_TEST

START_TEST(uploads)
{
  const TemporaryFolder place;
  const Server server{"/up=filesink location=" + place.path("out"), "max-body-size=100000"};
  const auto text = random_text(90'000);
  HttpClient client{server.port()};
  client.send(
      "PUT /up HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 90000\r\n"
      "\r\n");
  ck_assert(client.read_until("HTTP/1.1 100 Continue\r\n\r\n"));
  client.received.clear();
  client.send(text);
  ck_assert(client.read_until("\r\n\r\n"));
  ck_assert_int_eq(client.status(), 204);
  // It was told when the file was whole.
  std::ifstream file{place.path("out"), std::ios::binary};
  ck_assert(std::string(std::istreambuf_iterator<char>{file}, {}) == text);
  expect(server.get("/up"), 405);
  // Too much, said before and found out later.
  const auto refused = server.answer(
      "PUT /up HTTP/1.1\r\nContent-Length: 1099511627776\r\n"
      "Expect: 100-continue\r\n");
  expect(refused, 413);
  expect(server.answer("PUT /up HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
                       "186a1\r\n" + std::string(100'001, 'x') + "\r\n0\r\n\r\n"),
         413);
  expect(server.answer("PUT /up HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", "5\nhello"), 400);
  // One that goes away leaves nothing running.
  {
    HttpClient leaver{server.port()};
    leaver.send("PUT /up HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc");
    server.wait_for("pipelines", 1);
  }
  server.wait_for("pipelines", 0);
}
END_TEST

START_TEST(pipelines_that_fail)
{
  const Server server{
      "/broken=filesrc location=/nonexistent/file;"
      "/late=videotestsrc num-buffers=3 ! identity error-after=2;"
      "/silent=appsrc;/endless=" +
          small_video + " ! identity",
      "response-timeout=200 max-pipelines=2"};
  expect(server.get("/broken"), 500);
  ck_assert(server.get("/broken").find("/nonexistent") == std::string::npos);
  // What has begun cannot be taken for whole.
  const auto late = server.get("/late");
  ck_assert(late.empty() || status_of(late) == 500 || !late.ends_with("0\r\n\r\n"));
  expect(server.get("/silent"), 504);
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 2; ++i) {
    clients.push_back(std::make_unique<HttpClient>(server.port()));
    clients.back()->get("/endless");
    ck_assert(clients.back()->read_until("\r\n\r\n"));
  }
  const auto refused = server.get("/endless");
  expect(refused, 503);
  ck_assert(field_of(refused, "Retry-After") == "1");
  clients.clear();
  server.wait_for("pipelines", 0);
  expect(server.answer("HEAD /endless HTTP/1.1\r\n"), 200);
}
END_TEST

// Status and fields from tags of the pipeline, and from what an element of it posts.
START_TEST(pipelines_say_more)
{
  const Server server{"/gone=appsrc name=source"};
  g_object_set(server.element(), "response-timeout", 5000U, nullptr);
  std::atomic<int> asked = 0;
  g_signal_connect(
      server.element(), "request",
      G_CALLBACK(+[](GstElement *, GstStructure *request, gpointer count) -> GstStructure * {
        ++*static_cast<std::atomic<int> *>(count);
        ck_assert(gst_structure_has_name(request, "http-request"));
        const std::string path = gst_structure_get_string(request, "path");
        if (path == "/none")
          return nullptr;
        if (path == "/teapot")
          return gst_structure_from_string(
              "response, status=418, body=(string)\"short and stout\", "
              "headers=(structure)\"h, X-Pot=(string)tea, Content-Length=(string)9999;\"",
              nullptr);
        if (path == "/private")
          return gst_structure_from_string(
              "response, status=(int)401, "
              "headers=(structure)\"h, WWW-Authenticate=(string)Basic;\"",
              nullptr);
        auto *element = gst_parse_bin_from_description("appsrc name=source caps=text/x-other",
                                                       TRUE, nullptr);
        auto *source = gst_bin_get_by_name(GST_BIN(element), "source");
        auto *headers =
            gst_structure_new("headers", "X-Path", G_TYPE_STRING, path.c_str(), nullptr);
        gst_element_send_event(
            source, gst_event_new_custom(
                        GST_EVENT_CUSTOM_DOWNSTREAM_STICKY,
                        gst_structure_new("http-response", "status", G_TYPE_UINT, 201U,
                                          "headers", GST_TYPE_STRUCTURE, headers, nullptr)));
        gst_structure_free(headers);
        GstFlowReturn flow = GST_FLOW_OK;
        auto *buffer = gst_buffer_new_memdup("made", 4);
        g_signal_emit_by_name(source, "push-buffer", buffer, &flow);
        gst_buffer_unref(buffer);
        g_signal_emit_by_name(source, "end-of-stream", &flow);
        gst_object_unref(source);
        return gst_structure_new("response", "element", GST_TYPE_ELEMENT, element, nullptr);
      }),
      &asked);
  auto got = server.get("/teapot");
  expect(got, 418);
  ck_assert(body_of(got) == "short and stout" && field_of(got, "X-Pot") == "tea");
  ck_assert(field_of(got, "Content-Length") == "15");
  got = server.get("/private");
  expect(got, 401);
  ck_assert(field_of(got, "WWW-Authenticate") == "Basic" && !body_of(got).empty());
  expect(server.get("/none"), 404);
  got = server.get("/made");
  ck_assert(body_of(got) == "made" && field_of(got, "Content-Type") == "text/x-other");
  ck_assert_int_eq(asked, 4);
}
END_TEST

// One pipeline for all, beside others, and what becomes of it when it fails.
START_TEST(shared_pipelines)
{
  const Server server{"/live=shared:" + small_video +
                      " ! gdppay;"
                      "/bad=shared:" +
                      small_video + " ! identity error-after=3 ! gdppay;/echo=identity"};
  std::vector<std::unique_ptr<HttpClient>> clients;
  server.await("/live", 200);
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<HttpClient>(server.port()));
    clients.back()->get("/live");
  }
  for (const auto &client : clients) {
    ck_assert(client->read_until("\r\n\r\n") && client->status() == 200);
    ck_assert(client->read_at_least(client->head().size() + 1024));
    ck_assert(client->field("Content-Type") == "application/x-gdp");
  }
  auto *warning =
      gst_bus_timed_pop_filtered(server.bus(), 20 * GST_SECOND, GST_MESSAGE_WARNING);
  ck_assert(warning);
  gst_message_unref(warning);
  server.await("/bad", 503);
  ck_assert(body_of(server.answer("POST /echo HTTP/1.1\r\nContent-Length: 2\r\n", "hi")) ==
            "hi");
  ck_assert(
      !gst_bus_pop_filtered(server.bus(), GstMessageType(GST_MESSAGE_ERROR | GST_MESSAGE_EOS)));
}
END_TEST

// --- routes -------------------------------------------------------------------------------

START_TEST(routes_come_and_go)
{
  const TemporaryFolder place;
  place.write("a", "from a folder");
  const Server server{"/x=identity"};
  const auto add = [&](const char *prefix, const std::string &target) {
    gboolean added = FALSE;
    g_signal_emit_by_name(server.element(), "add-route", prefix, target.c_str(), &added);
    return added == TRUE;
  };
  const auto remove = [&](const char *prefix) {
    gboolean removed = FALSE;
    g_signal_emit_by_name(server.element(), "remove-route", prefix, &removed);
    return removed == TRUE;
  };
  expect(server.get("/f/a"), 404);
  ck_assert(add("/f", "dir:" + place.path()));
  ck_assert(body_of(server.get("/f/a")) == "from a folder");
  ck_assert(add("/live", "shared:" + small_video + " ! gdppay"));
  server.await("/live", 200);
  ck_assert(!add("/f", "identity") && !add("bad", "identity") && !add("/g", "no such element"));
  ck_assert(!add("/h", "dir:/nonexistent/folder") && !add("/i", "shared:fakesink"));
  ck_assert(remove("/f") && !remove("/f") && remove("/live") && remove("/x"));
  expect(server.get("/f/a"), 404);
  expect(server.get("/live"), 404);
  expect(server.get("/x"), 404);
  ck_assert(add("/x", "identity"));
  gchar *routes = nullptr;
  g_object_get(server.element(), "routes", &routes, nullptr);
  ck_assert_str_eq(routes, "/x=identity");
  g_free(routes);
}
END_TEST

START_TEST(faults_are_told)
{
  const struct {
    const char *routes;
    const char *words;
  } cases[] = {
      {"nonsense", "no route"},
      {"/a=no-such-element-here", "no-such-element-here"},
      {"/a=dir:/nonexistent/folder", "/nonexistent/folder"},
      {"/a=identity;/a=queue", "two routes"},
      {"/a=shared:fakesink", "nothing to be sent"},
      {"/a=fakesrc ! fakesink", "pad left"},
  };
  for (const auto &c : cases) {
    const Server server{c.routes, "", false};
    ck_assert_int_eq(gst_element_set_state(server.element(), GST_STATE_PLAYING),
                     GST_STATE_CHANGE_FAILURE);
    auto *message = gst_bus_pop_filtered(server.bus(), GST_MESSAGE_ERROR);
    ck_assert_msg(message, "%s", c.routes);
    GError *error = nullptr;
    gst_message_parse_error(message, &error, nullptr);
    ck_assert_msg(std::string{error->message}.find(c.words) != std::string::npos, "%s: %s",
                  c.routes, error->message);
    g_error_free(error);
    gst_message_unref(message);
  }
}
END_TEST

START_TEST(a_log_and_messages)
{
  const TemporaryFolder place;
  place.write("a", "hello");
  {
    const Server server{"/=dir:" + place.path(), "access-log=" + place.path("log")};
    server.get("/a", "User-Agent: wo\"rd\r\nReferer: http://x/\r\n");
    auto *message =
        gst_bus_timed_pop_filtered(server.bus(), 20 * GST_SECOND, GST_MESSAGE_ELEMENT);
    ck_assert(message);
    const auto *told = gst_message_get_structure(message);
    guint status = 0;
    ck_assert(gst_structure_get_uint(told, "status", &status) && status == 200);
    ck_assert_str_eq(gst_structure_get_string(told, "uri"), "/a");
    gst_message_unref(message);
    server.get("/b");
  }
  std::ifstream file{place.path("log")};
  const std::string log(std::istreambuf_iterator<char>{file}, {});
  ck_assert_msg(
      log.find("\"GET /a HTTP/1.1\" 200 5 \"http://x/\" \"wo\\\"rd\"\n") != std::string::npos,
      "%s", log.c_str());
  ck_assert(log.find("\"GET /b HTTP/1.1\" 404 ") != std::string::npos);
}
END_TEST

// Stopped while much is going on, and started again.
START_TEST(started_and_stopped_while_it_serves)
{
  const TemporaryFolder place;
  place.write("large", random_text(2'000'000));
  for (int i = 0; i < 10; ++i) {
    const Server server{"/=dir:" + place.path() + ";/endless=" + small_video +
                        " ! identity;/echo=identity;"
                        "/live=shared:" +
                        small_video + " ! gdppay"};
    std::vector<std::unique_ptr<HttpClient>> clients;
    for (int k = 0; k < 8; ++k) {
      clients.push_back(std::make_unique<HttpClient>(server.port(), false, 4096));
      if (k % 4 == 0)
        clients.back()->get("/large");
      else if (k % 4 == 1)
        clients.back()->get("/endless");
      else if (k % 4 == 2)
        clients.back()->get("/live");
      else
        clients.back()->send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nabc");
    }
    if (i % 2 == 0)
      ck_assert(clients[0]->read_some());
    gst_element_set_state(server.element(), GST_STATE_NULL);
    gst_element_set_state(server.element(), GST_STATE_PLAYING);
    ck_assert_int_gt(server.port(), 0);
  }
}
END_TEST

// Nobody is told that there is nothing, because the routes are not there yet.
START_TEST(who_comes_at_once_is_answered)
{
  const TemporaryFolder place;
  place.write("a", "hello");
  for (int i = 0; i < 20; ++i) {
    const auto port = [] { return Server{"/x=identity"}.port(); }();
    std::string got;
    std::thread client{[&got, port] {
      for (;;) {
        HttpClient early{port};
        if (!early.is_connected())
          continue;
        early.send("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        early.read_all();
        got = early.received;
        return;
      }
    }};
    const Server server{"/=dir:" + place.path(), "port=" + std::to_string(port)};
    client.join();
    expect(got, 200);
  }
}
END_TEST

START_TEST(slow_clients_are_sent_away)
{
  const Server server{"/echo=identity", "request-timeout=1 keep-alive-timeout=1"};
  HttpClient silent{server.port()};
  HttpClient slow_head{server.port()};
  slow_head.send("GET /echo HT");
  HttpClient slow_body{server.port()};
  slow_body.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  ck_assert(silent.read_all() && slow_head.read_all());
  ck_assert(slow_body.read_all() || true);
  ck_assert_int_eq(slow_head.status(), 408);
  server.wait_for("pipelines", 0);
}
END_TEST

static Suite *httpserver_suite()
{
  auto *suite = suite_create("httpserver");
  auto *tests = tcase_create("httpserver");
  tcase_add_test(tests, files);
  tcase_add_test(tests, ranges);
  tcase_add_test(tests, conditions);
  tcase_add_test(tests, no_way_out);
  tcase_add_test(tests, variants);
  tcase_add_test(tests, other_origins);
  tcase_add_test(tests, connections_are_kept);
  tcase_add_test(tests, pipelines_answer);
  tcase_add_test(tests, bodies_go_through);
  tcase_add_test(tests, uploads);
  tcase_add_test(tests, pipelines_that_fail);
  tcase_add_test(tests, pipelines_say_more);
  tcase_add_test(tests, shared_pipelines);
  tcase_add_test(tests, routes_come_and_go);
  tcase_add_test(tests, faults_are_told);
  tcase_add_test(tests, a_log_and_messages);
  tcase_add_test(tests, started_and_stopped_while_it_serves);
  tcase_add_test(tests, who_comes_at_once_is_answered);
  tcase_add_test(tests, slow_clients_are_sent_away);
  suite_add_tcase(suite, tests);
  return suite;
}

GST_CHECK_MAIN(httpserver)
