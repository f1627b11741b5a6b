// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/harness.hpp"
#include "support/memory.hpp"
#include "support/vectors.hpp"

#include <string>

using namespace kam;
using namespace std::string_literals;
using test::Harness;

namespace {

constexpr auto any = "application/octet-stream";
constexpr auto factory = "mimerequestparse";
const std::string get = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string post = "POST /b HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello";

// The fields of the caps that the last request out of the harness had.
class Fields {
 public:
  explicit Fields(const Harness &h)
      : caps_{gst_pad_get_current_caps(h.get()->sinkpad)},
        fields_{gst_caps_get_structure(caps_, 0)}
  {
  }
  ~Fields() { gst_caps_unref(caps_); }
  Fields(const Fields &) = delete;
  Fields &operator=(const Fields &) = delete;

  GstCaps *caps() const { return caps_; }

  std::string operator[](const char *name) const
  {
    const char *value = gst_structure_get_string(fields_, name);
    return value ? value : "(none)";
  }
  std::string header(const char *name) const
  {
    const auto *headers = gst_value_get_structure(gst_structure_get_value(fields_, "headers"));
    const char *value = gst_structure_get_string(headers, name);
    return value ? value : "(none)";
  }
  std::string lines(const char *name) const
  {
    std::string all;
    const auto *lines = gst_structure_get_value(fields_, name);
    for (guint i = 0; lines && i < gst_value_array_get_size(lines); ++i)
      all += g_value_get_string(gst_value_array_get_value(lines, i)) + "\n"s;
    return all;
  }

 private:
  GstCaps *caps_;
  const GstStructure *fields_;
};

GstBuffer *timed(const std::string &text, GstClockTime pts)
{
  auto *buffer = test::buffer_of(as_bytes(text));
  GST_BUFFER_PTS(buffer) = pts;
  GST_BUFFER_DTS(buffer) = pts + 1;
  return buffer;
}

// Events other than the ones that open the stream, and buffers, in the order they came out.
std::string log_of(const Harness &h)
{
  std::string log;
  while (auto *event = gst_harness_try_pull_event(h.get())) {
    log += GST_EVENT_TYPE_NAME(event) + " "s;
    gst_event_unref(event);
  }
  return log;
}

}  // namespace

GST_START_TEST(gives_the_body_with_the_rest_in_the_caps)
{
  Harness h{factory, any};
  h.push(post);
  test::assert_equal(h.take(), {test::bytes_of("hello")}, "POST");
  const Fields fields{h};
  ck_assert(fields["method"] == "POST");
  ck_assert(fields["uri"] == "/b");
  ck_assert(fields["protocol"] == "HTTP");
  ck_assert(fields["version"] == "1.1");
  ck_assert(fields.header("content-length") == "5");
  ck_assert(fields.lines("header-lines") == "Content-Length: 5\n");
  ck_assert(gst_caps_is_fixed(fields.caps()));
}
GST_END_TEST

GST_START_TEST(reads_what_kamaelia_read)
{
  int cases = 0;
  for (const auto &vector : test::load_vectors("mime")) {
    if (vector["policy"].text() != "keep")
      continue;
    ++cases;
    const auto id = vector["id"].text();
    Harness h{factory, any};
    for (const auto &input : vector["in"].items())
      ck_assert_int_eq(h.push(input.bytes()), GST_FLOW_OK);
    const auto want = vector["out"][0];
    test::assert_equal(h.take(), {want["body"].bytes()}, id);
    const Fields fields{h};
    ck_assert(fields["method"] == want["request"]["method"].text());
    ck_assert(fields["protocol"] == want["request"]["protocol"].text());
    ck_assert(fields["version"] == want["request"]["version"].text());
    for (const auto *const key : {"host", "accept", "a", "content-length"})
      if (want["header"].has(key))
        ck_assert(fields.header(key) == want["header"][key][1].text());
  }
  ck_assert_int_eq(cases, 6);
}
GST_END_TEST

GST_START_TEST(gives_an_empty_buffer_for_no_body)
{
  Harness h{factory, any};
  h.push(get);
  h.push("");
  test::assert_equal(h.take(), {{}}, "GET");
  ck_assert_uint_eq(h.stat(factory, "requests"), 1);
  ck_assert_uint_eq(h.stat(factory, "bytes"), 0);
}
GST_END_TEST

GST_START_TEST(puts_each_request_behind_its_caps)
{
  Harness h{factory, any};
  while (auto *event = gst_harness_try_pull_event(h.get()))
    gst_event_unref(event);
  h.push(get + get + post + post + get);
  ck_assert_uint_eq(h.take().size(), 5);
  ck_assert(log_of(h) == "caps caps caps ");
  h.push(get);
  ck_assert(log_of(h) == "");
  // Other caps upstream do not make the ones downstream worse.
  gst_harness_set_src_caps_str(h.get(), "application/x-other");
  ck_assert(log_of(h) == "segment ");
}
GST_END_TEST

GST_START_TEST(works_without_caps_upstream)
{
  Harness h{factory};
  h.start_without_caps();
  h.push(post);
  test::assert_equal(h.take(), {test::bytes_of("hello")}, "POST");
  ck_assert(log_of(h) == "stream-start caps segment caps ");
}
GST_END_TEST

GST_START_TEST(cares_not_how_the_stream_is_cut)
{
  const auto chunked =
      "PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3\r\nabc\r\n2;x\r\nde\r\n0\r\nT: 1\r\n\r\n"s;
  const auto stream = get + "\r\n" + post + "rubbish\r\n" + chunked + post;
  const std::vector<ByteVector> want{
      {}, test::bytes_of("hello"), test::bytes_of("abcde"), test::bytes_of("hello")};
  for (std::size_t size = 1; size <= stream.size(); ++size) {
    Harness h{factory, any};
    for (std::size_t at = 0; at < stream.size(); at += size)
      ck_assert_int_eq(h.push(std::string_view{stream}.substr(at, size)), GST_FLOW_OK);
    test::assert_equal(h.take(), want, "pieces of " + std::to_string(size));
    ck_assert_uint_eq(h.stat(factory, "bad-request-line"), 1);
    ck_assert_uint_eq(h.stat(factory, "bytes-skipped"), 9);
  }
}
GST_END_TEST

GST_START_TEST(takes_buffer_lists)
{
  Harness h{factory, any};
  auto *list = gst_buffer_list_new();
  gst_buffer_list_add(list, test::buffer_of(as_bytes(post.substr(0, 20))));
  gst_buffer_list_add(list, test::buffer_of(as_bytes(post.substr(20) + get)));
  ck_assert_int_eq(gst_pad_push_list(h.get()->srcpad, list), GST_FLOW_OK);
  test::assert_equal(h.take(), {test::bytes_of("hello"), {}}, "list");
}
GST_END_TEST

GST_START_TEST(shares_a_body_that_is_in_one_buffer)
{
  const std::string body(8000, 'x');
  const auto large = "PUT / HTTP/1.1\r\nContent-Length: 8000\r\n\r\n" + body;
  Harness h{factory, any};
  auto *in = test::buffer_of(as_bytes(large));
  GstMapInfo whole;
  GstMapInfo part;
  gst_buffer_ref(in);
  h.push(in);
  auto *out = h.try_pull();
  gst_buffer_map(in, &whole, GST_MAP_READ);
  gst_buffer_map(out, &part, GST_MAP_READ);
  ck_assert_ptr_eq(part.data, whole.data + large.size() - body.size());
  gst_buffer_unmap(in, &whole);
  gst_buffer_unmap(out, &part);
  gst_buffer_unref(in);
  gst_buffer_unref(out);
}
GST_END_TEST

GST_START_TEST(gives_a_request_the_time_it_began)
{
  Harness h{factory, any};
  h.push(timed("\r\n\r", 100));
  h.push(timed("\n" + post.substr(0, 10), 200));
  h.push(timed(post.substr(10, 20), 300));
  h.push(timed(post.substr(30) + get + "GE", 400));
  h.push(timed(get.substr(2), 500));
  h.push(timed(get, 600));
  for (const GstClockTime pts : {200, 400, 400, 600}) {
    auto *buffer = h.try_pull();
    ck_assert_uint_eq(GST_BUFFER_PTS(buffer), pts);
    ck_assert_uint_eq(GST_BUFFER_DTS(buffer), pts + 1);
    gst_buffer_unref(buffer);
  }
}
GST_END_TEST

GST_START_TEST(drops_what_a_discontinuity_cut)
{
  Harness h{factory, any};
  h.push(post.substr(0, 30));
  auto *buffer = test::buffer_of(as_bytes(get + get));
  GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
  h.push(buffer);
  for (const bool discont : {true, false}) {
    auto *out = h.try_pull();
    ck_assert_uint_eq(GST_BUFFER_FLAG_IS_SET(out, GST_BUFFER_FLAG_DISCONT), discont);
    gst_buffer_unref(out);
  }
  ck_assert_uint_eq(h.stat(factory, "short"), 1);
  ck_assert_uint_eq(h.stat(factory, "bytes-skipped"), 30);
  // The mark waits for a request to be put on.
  buffer = test::buffer_of(as_bytes(post.substr(0, 30)));
  GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
  h.push(buffer);
  h.push(post.substr(30));
  auto *out = h.try_pull();
  ck_assert(GST_BUFFER_FLAG_IS_SET(out, GST_BUFFER_FLAG_DISCONT));
  gst_buffer_unref(out);
}
GST_END_TEST

GST_START_TEST(counts_what_the_end_cut)
{
  Harness h{factory, any};
  h.push(get + post.substr(0, 30));
  h.end();
  ck_assert_uint_eq(h.take().size(), 1);
  ck_assert_uint_eq(h.stat(factory, "short"), 1);

  Harness drained{factory, any};
  drained.push(post.substr(0, 30));
  auto *query = gst_query_new_drain();
  gst_pad_peer_query(drained.get()->srcpad, query);
  gst_query_unref(query);
  ck_assert_uint_eq(drained.stat(factory, "short"), 1);
  drained.push(get);
  ck_assert_uint_eq(drained.take().size(), 1);

  Harness whole{factory, any};
  whole.push(get + "\r\n\r");
  whole.end();
  ck_assert_uint_eq(whole.stat(factory, "short"), 0);
}
GST_END_TEST

GST_START_TEST(forgets_at_a_flush)
{
  Harness h{factory, any};
  h.push(post.substr(0, 30));
  h.push_event(gst_event_new_flush_start());
  h.push_event(gst_event_new_flush_stop(TRUE));
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_BYTES);
  h.push_event(gst_event_new_segment(&segment));
  h.push(get);
  ck_assert_uint_eq(h.take().size(), 1);
  ck_assert_uint_eq(h.stat(factory, "short"), 0);
}
GST_END_TEST

GST_START_TEST(counts_drops_by_reason)
{
  const std::string chunked = "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n";
  Harness h{"mimerequestparse max-header-size=100 max-body-size=10", any};
  for (const auto &bad :
       {"rubbish\n"s, "GET / HTTP/1.1\r\nno colon\r\n\r\n"s,
        "PUT / HTTP/1.1\r\nContent-Length: x\r\n\r\n"s, chunked + "Content-Length: 1\r\n\r\n",
        chunked + "\r\nx\r\n", "GET / HTTP/1.1\r\nA: " + std::string(100, 'x') + "\r\n\r\n",
        "PUT / HTTP/1.1\r\nContent-Length: 11\r\n\r\n"s})
    h.push(bad + get);
  h.push(post.substr(0, 20));
  h.end();
  for (const auto *const reason :
       {"bad-request-line", "bad-header", "bad-length", "bad-encoding", "bad-chunk",
        "oversize-header", "oversize-body", "short"})
    ck_assert_msg(h.stat(factory, reason) == 1, "%s: %" G_GUINT64_FORMAT, reason,
                  h.stat(factory, reason));
  ck_assert_uint_eq(h.stat(factory, "requests"), 7);
}
GST_END_TEST

GST_START_TEST(gives_up_where_told)
{
  Harness h{"mimerequestparse max-errors=0", any};
  auto *bus = gst_bus_new();
  gst_element_set_bus(h.element(factory), bus);
  ck_assert_int_eq(h.push(get + "rubbish\n" + get), GST_FLOW_ERROR);
  // What came before the fault is good; what comes after it may be a trap.
  ck_assert_uint_eq(h.take().size(), 1);
  auto *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
  ck_assert(message != nullptr);
  gst_message_unref(message);
  ck_assert(gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR) == nullptr);
  gst_element_set_bus(h.element(factory), nullptr);
  gst_object_unref(bus);
}
GST_END_TEST

GST_START_TEST(tells_about_drops_if_asked)
{
  Harness h{"mimerequestparse post-drop-messages=true", any};
  auto *bus = gst_bus_new();
  gst_element_set_bus(h.element(factory), bus);
  h.push("rubbish\n");
  auto *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ELEMENT);
  ck_assert(message != nullptr);
  const auto *structure = gst_message_get_structure(message);
  ck_assert(gst_structure_has_name(structure, "drop-msg"));
  ck_assert_str_eq(gst_structure_get_string(structure, "reason"), "bad-request-line");
  gst_message_unref(message);
  gst_element_set_bus(h.element(factory), nullptr);
  gst_object_unref(bus);
}
GST_END_TEST

// Names, values and URIs of any bytes that are allowed go through, to a string and back too.
GST_START_TEST(carries_odd_headers)
{
  Harness h{factory, any};
  h.push(
      "GET /caf\xc3\xa9/\xff HTTP/1.1\r\n1-2: \"quoted\\, [list] {x} ; (int)1\r\n"
      "!#$%&'*+-.^_`|~: odd\r\nEmpty:\r\nX.Y_Z+: caf\xc3\xa9\r\nLatin: caf\xe9\r\n\r\n");
  ck_assert_uint_eq(h.take().size(), 1);
  const Fields fields{h};
  ck_assert(fields["uri"] == "/caf%C3%A9/%FF");
  ck_assert(fields.header("1-2") == "\"quoted\\, [list] {x} ; (int)1");
  ck_assert(fields.header("empty").empty());
  ck_assert(fields.header("x.y_z+") == "caf\xc3\xa9");
  ck_assert(fields.header("latin") == "caf\xc3\xa9");
  ck_assert(fields.lines("header-lines") ==
            "1-2: \"quoted\\, [list] {x} ; (int)1\n!#$%&'*+-.^_`|~: odd\nEmpty: \n"
            "X.Y_Z+: caf\xc3\xa9\nLatin: caf\xc3\xa9\n");
  auto *text = gst_caps_to_string(fields.caps());
  auto *back = gst_caps_from_string(text);
  ck_assert_msg(back && gst_caps_is_equal(back, fields.caps()), "%s", text);
  gst_caps_unref(back);
  g_free(text);
}
GST_END_TEST

GST_START_TEST(gives_the_trailers)
{
  Harness h{factory, any};
  h.push("PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nSum: 1\r\nsum: 2\r\n\r\n");
  ck_assert(Fields{h}.lines("trailer-lines") == "Sum: 1, 2\n");
  h.push(get);
  ck_assert(Fields{h}.lines("trailer-lines").empty());
}
GST_END_TEST

// GLib keeps the name of a structure's field for ever, so not every name becomes one.
GST_START_TEST(invented_header_names_take_no_memory)
{
  Harness h{factory, any};
  const auto push_names = [&h](int from, int to) {
    for (int i = from; i < to; ++i) {
      const auto name = "x-invented-" + std::to_string(i);
      h.push("GET / HTTP/1.1\r\n" + name + ": 1\r\nHost: h\r\n\r\n");
      ck_assert_uint_eq(h.take().size(), 1);
      while (auto *event = gst_harness_try_pull_event(h.get()))
        gst_event_unref(event);
      const Fields fields{h};
      ck_assert(fields.lines("header-lines") == name + ": 1\nHost: h\n");
      ck_assert(fields.header("host") == "h");
    }
  };
  push_names(0, 6000);
  ck_assert_uint_ne(g_quark_try_string("x-invented-100"), 0);
  ck_assert_uint_eq(g_quark_try_string("x-invented-5999"), 0);
}
GST_END_TEST

GST_START_TEST(hostile_input_takes_no_memory)
{
  constexpr std::size_t piece = std::size_t{1} << 20U;
  constexpr std::size_t allowed = std::size_t{2} << 20U;
  auto *rubbish = gst_buffer_new_allocate(nullptr, piece, nullptr);
  gst_buffer_memset(rubbish, 0, 'x', piece);
  for (const auto *const start :
       {"", "PUT / HTTP/1.1\r\nContent-Length: 2147483648\r\n\r\n",
        "PUT / HTTP/1.1\r\nContent-Length: 18446744073709551619\r\n\r\n",
        "PUT / HTTP/1.1\r\nContent-Length: 100000000000000000000\r\n\r\n",
        "GET / HTTP/1.1\r\nA: ", "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;"}) {
    Harness h{factory, any};
    h.push(start);
    const auto before = test::resident_memory();
    auto most = before;
    for (int i = 0; i < 200; ++i) {
      ck_assert_int_eq(h.push(gst_buffer_ref(rubbish)), GST_FLOW_OK);
      most = std::max(most, test::resident_memory());
    }
    h.push("\n" + get);
    ck_assert_uint_eq(h.take().size(), 1);
    if (test::memory_is_measurable)
      ck_assert_msg(most - before < allowed, "'%s': grew by %zu bytes", start, most - before);
  }
  gst_buffer_unref(rubbish);
}
GST_END_TEST

GST_START_TEST(starts_again_as_new)
{
  Harness h{factory, any};
  auto *element = h.element(factory);
  for (int i = 0; i < 20; ++i) {
    h.push(post.substr(0, 30));
    gst_element_set_state(element, GST_STATE_READY);
    gst_element_set_state(element, GST_STATE_PLAYING);
    ck_assert_uint_eq(h.stat(factory, "short"), 0);
    gst_harness_push_event(h.get(), gst_event_new_stream_start("again"));
    gst_harness_set_src_caps_str(h.get(), any);
    h.push(post);
    ck_assert_uint_eq(h.take().size(), 1);
    ck_assert_uint_eq(h.stat(factory, "requests"), 1);
  }
}
GST_END_TEST

static Suite *mimerequestparse_suite()
{
  Suite *suite = suite_create("mimerequestparse");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, gives_the_body_with_the_rest_in_the_caps);
  tcase_add_test(tc, reads_what_kamaelia_read);
  tcase_add_test(tc, gives_an_empty_buffer_for_no_body);
  tcase_add_test(tc, puts_each_request_behind_its_caps);
  tcase_add_test(tc, works_without_caps_upstream);
  tcase_add_test(tc, cares_not_how_the_stream_is_cut);
  tcase_add_test(tc, takes_buffer_lists);
  tcase_add_test(tc, shares_a_body_that_is_in_one_buffer);
  tcase_add_test(tc, gives_a_request_the_time_it_began);
  tcase_add_test(tc, drops_what_a_discontinuity_cut);
  tcase_add_test(tc, counts_what_the_end_cut);
  tcase_add_test(tc, forgets_at_a_flush);
  tcase_add_test(tc, counts_drops_by_reason);
  tcase_add_test(tc, gives_up_where_told);
  tcase_add_test(tc, tells_about_drops_if_asked);
  tcase_add_test(tc, carries_odd_headers);
  tcase_add_test(tc, gives_the_trailers);
  tcase_add_test(tc, invented_header_names_take_no_memory);
  tcase_add_test(tc, hostile_input_takes_no_memory);
  tcase_add_test(tc, starts_again_as_new);
  return suite;
}

GST_CHECK_MAIN(mimerequestparse)
