// SPDX-License-Identifier: LGPL-2.1-or-later
#include "protocolserver_support.hpp"

#include "support/process.hpp"
#include "support/random.hpp"
#include "support/temporary_folder.hpp"

#include <gio/gio.h>

#include <filesystem>
#include <optional>

#include <gst/check/gstcheck.h>  // last: it defines a macro called fail

using namespace kam;
using namespace kam::test;

namespace {

// What comes back of what is sent while it is read.
ByteVector echoed(const Client &client, const ByteVector &bytes)
{
  std::thread sender{[&] {
    client.send(bytes);
    client.end();
  }};
  auto got = client.receive_all();
  sender.join();
  return got;
}

void assert_echoes(const char *launch)
{
  Server server{launch};
  server.play();
  Random random{1};
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{4095}, std::size_t{4096},
        std::size_t{65536}, std::size_t{65537}, std::size_t{1} << 20U, std::size_t{4} << 20U}) {
    const auto bytes = random.bytes(size);
    const auto client = server.connect();
    ck_assert_msg(echoed(client, bytes) == bytes, "%zu bytes by %s", size, launch);
  }
  ck_assert(server.comes_to("clients", 0));
  ck_assert_uint_eq(server.stat("removed-eos"), 9);
  ck_assert_uint_eq(server.stat("bytes-sent"), server.stat("bytes-received"));
}

// Check's own macro keeps a pointer into what is gone by then.
}  // namespace

// --- echo ---------------------------------------------------------------------------------

GST_START_TEST(echoes_byte_for_byte)
{
  assert_echoes("echoserver port=0");
  assert_echoes("protocolserver launch=identity");
  assert_echoes("protocolserver launch=\"identity ! identity\"");
}
GST_END_TEST

GST_START_TEST(echoes_through_threads)
{
  assert_echoes("protocolserver launch=queue");
  assert_echoes("protocolserver launch=\"queue ! identity ! queue\"");
  assert_echoes("protocolserver launch=identity client-threads=always");
}
GST_END_TEST

GST_START_TEST(echoes_64_mebibytes)
{
  const auto bytes = Random{5}.bytes(std::size_t{64} << 20U);
  for (const char *launch : {"echoserver port=0", "protocolserver launch=queue"}) {
    Server server{launch};
    server.play();
    ck_assert_msg(echoed(server.connect(), bytes) == bytes, "by %s", launch);
  }
}
GST_END_TEST

GST_START_TEST(answers_one_who_has_ended)
{
  Server server{"echoserver port=0"};
  server.play();
  for (int i = 0; i < 200; ++i) {
    const auto client = server.connect();
    client.send("hello");
    client.end();
    int how = -1;
    assert_text(std::string{as_text(client.receive_all(&how))}, "hello");
    ck_assert_int_eq(how, 0);
  }
}
GST_END_TEST

GST_START_TEST(serves_all_who_come_at_once)
{
  allow_descriptors(4096);
  Server server{"echoserver port=0 post-messages=false"};
  server.play();
  auto clients = Client::at_once(server.port(), 1000);
  for (std::size_t i = 0; i < clients.size(); ++i)
    ck_assert(clients[i].is_connected() && clients[i].send(std::to_string(i) + "\n"));
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const auto expected = std::to_string(i) + "\n";
    assert_text(clients[i].receive_text(expected.size()), expected);
  }
  ck_assert_uint_eq(server.stat("clients"), 1000);
  clients.clear();
  ck_assert(server.comes_to("clients", 0));
}
GST_END_TEST

GST_START_TEST(listens_at_all_addresses)
{
  Server server{"echoserver port=0 host=::"};
  server.play();
  const auto by_ipv4 = server.connect();
  by_ipv4.send("4");
  assert_text(by_ipv4.receive_text(1), "4");
  GstStructure *info = nullptr;
  g_signal_emit_by_name(server.element(), "get-stats", guint64{1}, &info);
  ck_assert_str_eq(gst_structure_get_string(info, "peer"), "127.0.0.1");
  gst_structure_free(info);
  const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  to.sin6_port = htons(static_cast<std::uint16_t>(server.port()));
  to.sin6_addr = in6addr_loopback;
  if (fd >= 0 && connect(fd, reinterpret_cast<const sockaddr *>(&to), sizeof to) == 0) {
    char c = '6';
    ck_assert_int_eq(write(fd, &c, 1), 1);
    ck_assert_int_eq(read(fd, &c, 1), 1);
  }
  if (fd >= 0)
    close(fd);
}
GST_END_TEST

// --- launches -----------------------------------------------------------------------------

// Kamaelia's cookie servers, and inetd with cat: the client writes what nobody reads, and is
// slow to read what it gets.
GST_START_TEST(a_source_gets_through_whatever_the_client_does)
{
  const auto cookie = Random{2}.bytes(436'224);
  const TemporaryFile file{cookie};
  Server server{std::string{"protocolserver launch=\"filesrc location="} + file.path() + "\""};
  server.play();
  for (int i = 0; i < 5; ++i) {
    const auto client = server.connect();
    client.send("0123456789");
    if (i % 2 == 0)
      client.end();
    ByteVector got;
    while (got.size() < cookie.size()) {
      const auto part = client.receive(10'000);
      if (part.empty())
        break;
      got.insert(got.end(), part.begin(), part.end());
    }
    int how = -1;
    const auto rest = client.receive_all(&how);
    ck_assert_msg(got == cookie && rest.empty(), "%zu bytes came", got.size());
    ck_assert_int_eq(how, 0);
  }
}
GST_END_TEST

GST_START_TEST(records)
{
  for (const char *before : {"", "queue ! ", "identity ! "}) {
    const TemporaryFile file;
    Server server{std::string{"protocolserver launch=\""} + before +
                  "filesink location=" + file.path() + "\""};
    server.play();
    const auto bytes = Random{3}.bytes(300'000);
    const auto client = server.connect();
    client.send(bytes);
    client.end();
    int how = -1;
    ck_assert(client.receive_all(&how).empty());
    ck_assert_int_eq(how, 0);
    ck_assert_msg(file.contents() == as_text(bytes), "behind \"%s\"", before);
    ck_assert(server.comes_to("removed-eos", 1));
  }
}
GST_END_TEST

// The sink gets what is held back until the EOS.
GST_START_TEST(finishes_a_record_whose_client_breaks_off)
{
  for (const char *before : {"", "queue ! "}) {
    const TemporaryFile file;
    Server server{std::string{"protocolserver launch=\""} + before +
                  "chunker ! dechunker ! filesink location=" + file.path() + "\""};
    server.play();
    auto client = server.connect();
    client.send("hello");
    ck_assert(server.comes_to("bytes-received", 5));
    client.reset();
    ck_assert(server.comes_to("removed-peer", 1));
    assert_text(file.contents(), "hello");
  }
}
GST_END_TEST

// And not only when linger-timeout is over, which here would be too late for the test.
GST_START_TEST(stops_as_soon_as_records_are_finished)
{
  for (const char *before : {"", "queue ! "}) {
    const TemporaryFile file;
    Server server{std::string{"protocolserver linger-timeout=3600000 launch=\""} + before +
                  "chunker ! dechunker ! filesink location=" + file.path() + "\""};
    server.play();
    const auto client = server.connect();
    client.send("hello");
    ck_assert(server.comes_to("bytes-received", 5));
    server.stop();
    assert_text(file.contents(), "hello");
  }
}
GST_END_TEST

GST_START_TEST(serves_what_the_application_makes)
{
  Server server{"protocolserver launch=identity", [](GstElement *element) {
                  g_signal_connect(
                      element, "create-element",
                      G_CALLBACK(+[](GstElement *, GstStructure *info) -> GstElement * {
                        guint64 id = 0;
                        gst_structure_get_uint64(info, "id", &id);
                        if (id == 3)
                          return nullptr;
                        return gst_parse_bin_from_description(
                            id % 2 == 0 ? "queue ! framer" : "framer", TRUE, nullptr);
                      }),
                      nullptr);
                }};
  server.play();
  for (int i = 1; i <= 4; ++i) {
    const auto client = server.connect();
    client.send("hello");
    client.end();
    const auto got = client.receive_all();
    assert_text(std::string{as_text(got)}, i == 3 ? "hello" : "1 5\nhello");
  }
}
GST_END_TEST

// Which may live on, and then has nothing of the server left.
GST_START_TEST(gives_back_what_the_application_makes)
{
  auto *source = gst_element_factory_make("fortunesrc", nullptr);
  gst_object_ref_sink(source);
  g_object_set(source, "bitrate", 0, nullptr);
  {
    Server server{"protocolserver launch=identity", [source](GstElement *element) {
                    g_signal_connect(
                        element, "create-element",
                        G_CALLBACK(+[](GstElement *, GstStructure *, GstElement *given) {
                          return GST_ELEMENT(gst_object_ref(given));
                        }),
                        source);
                  }};
    server.play();
    ck_assert(!server.connect().receive_all().empty());
    ck_assert(server.comes_to("clients", 0));
  }
  auto *pipeline = gst_pipeline_new(nullptr);
  auto *sink = gst_element_factory_make("fakesink", nullptr);
  gst_bin_add_many(GST_BIN(pipeline), source, sink, nullptr);
  ck_assert(gst_element_link(source, sink));
  gst_element_set_state(pipeline, GST_STATE_PLAYING);
  auto *bus = gst_element_get_bus(pipeline);
  auto *message = gst_bus_timed_pop_filtered(bus, 10 * GST_SECOND, GST_MESSAGE_EOS);
  ck_assert(message != nullptr);
  gst_message_unref(message);
  gst_object_unref(bus);
  gst_element_set_state(pipeline, GST_STATE_NULL);
  gst_object_unref(pipeline);
  gst_object_unref(source);
}
GST_END_TEST

GST_START_TEST(each_client_starts_anew)
{
  Server server{"protocolserver launch=framer"};
  server.play();
  for (int i = 0; i < 20; ++i) {
    const auto client = server.connect();
    client.send("x");
    client.end();
    assert_text(std::string{as_text(client.receive_all())}, "1 1\nx");
  }
}
GST_END_TEST

GST_START_TEST(an_error_is_one_clients_own)
{
  for (const char *launch : {"identity error-after=2", "queue ! identity error-after=2"}) {
    Server server{std::string{"protocolserver launch=\""} + launch + "\""};
    server.play();
    const auto other = server.connect();
    other.send("1");
    assert_text(other.receive_text(1), "1");
    const auto victim = server.connect();
    victim.send("1");
    assert_text(victim.receive_text(1), "1");
    victim.send("2");
    int how = 0;
    victim.receive_all(&how);
    ck_assert_int_eq(how, ECONNRESET);
    ck_assert(server.comes_to("removed-error", 1));
    ck_assert_uint_eq(server.stat("clients"), 1);
    ck_assert(!has_message(server, GstMessageType(GST_MESSAGE_ERROR | GST_MESSAGE_EOS)));
    // The next instance is not the broken one.
    const auto next = server.connect();
    next.send("1");
    assert_text(next.receive_text(1), "1");
  }
}
GST_END_TEST

GST_START_TEST(says_what_is_wrong_with_a_launch_line)
{
  for (const char *launch : {"nosuchelement", "identity !", "fakesrc ! fakesink"}) {
    Server server{std::string{"protocolserver launch=\""} + launch + "\""};
    const auto text = error_on_the_way_to(server, GST_STATE_READY);
    ck_assert_msg(text.find("launch line") != std::string::npos, "%s", text.c_str());
  }
}
GST_END_TEST

// In the words of the element that cannot.
GST_START_TEST(says_what_there_is_not_to_serve)
{
  const TemporaryFolder folder;
  folder.write("linked/.keep", "");
  folder.link("linked/a.wav", "/etc/passwd");
  for (const auto &[launch, expected] :
       std::initializer_list<std::pair<std::string, std::string>>{
           {"fortuneserver location=/no/such", "/no/such"},
           {"fortuneserver location=" + folder.write("empty", ""), "no cookies"},
           {"fortuneserver command=/no/such", "/no/such"},
           {"audiocookieserver", "not said"},
           {"audiocookieserver location=/no/such", "/no/such"},
           {"audiocookieserver location=" + folder.path("linked"), "links, like \"a.wav\""},
           {"videocookieserver location=" + folder.path("linked"), "No file in the folder"},
           {"protocolserver launch=\"fortunesrc location=/no/such ! identity\"", "/no/such"}}) {
    Server server{launch};
    const auto text = error_on_the_way_to(server, GST_STATE_READY);
    ck_assert_msg(text.find(expected) != std::string::npos, "%s", text.c_str());
    ck_assert_msg(text.find("..") == std::string::npos, "%s", text.c_str());
  }
}
GST_END_TEST

GST_START_TEST(says_that_the_port_is_taken)
{
  Server first{"echoserver port=0"};
  first.play();
  Server second{"echoserver port=" + std::to_string(first.port())};
  const auto text = error_on_the_way_to(second, GST_STATE_PAUSED);
  ck_assert_msg(text.find("another program") != std::string::npos, "%s", text.c_str());
  Server third{"echoserver host=192.0.2.1 port=0"};
  ck_assert(!error_on_the_way_to(third, GST_STATE_PAUSED).empty());
  Server nowhere{"echoserver host=no.such.host.invalid port=0"};
  ck_assert(!error_on_the_way_to(nowhere, GST_STATE_PAUSED).empty());
}
GST_END_TEST

// Those who come first get new instances, those who come later what the first have left.
GST_START_TEST(cookies_need_no_threads)
{
  Server server{"fortuneserver port=0 num-cookies=-1"};
  server.play();
  const auto threads = entries_in("/proc/self/task");
  for (int round = 0; round < 3; ++round) {
    std::vector<Client> clients;
    for (int i = 0; i < 10; ++i)
      clients.push_back(server.connect());
    for (const auto &client : clients)
      ck_assert_uint_eq(client.receive(1).size(), 1);
    ck_assert_int_eq(entries_in("/proc/self/task"), threads);
    clients.clear();
    ck_assert(server.comes_to("clients", 0));
  }
}
GST_END_TEST

// By the client's number, whichever instance serves it.
GST_START_TEST(a_seed_gives_each_client_the_same_again)
{
  const std::string golden = "gfbfeeaafgegddcddgfb";
  const TemporaryFolder folder;
  const auto database = folder.write("letters", "a\n%\nb\n%\nc\n%\nd\n%\ne\n%\nf\n%\ng\n");
  const auto served = [&database](const std::string &properties) {
    Server server{"fortuneserver port=0 bitrate=0 location=" + database + properties};
    server.play();
    std::string letters;
    for (int i = 0; i < 20; ++i) {
      const auto cookie = server.connect().receive_all();
      letters += as_text(cookie).substr(0, 1);
      ck_assert(server.comes_to("clients", 0));
    }
    return letters;
  };
  assert_text(served(" seed=42"), golden);
  assert_text(served(" seed=42 recycle=0"), golden);
  ck_assert(served(" seed=43") != golden);
}
GST_END_TEST

// --- cookies that fail ---------------------------------------------------------------------

GST_START_TEST(a_file_that_is_gone_fails_one_client_alone)
{
  const TemporaryFolder folder;
  const auto file = folder.write("a.wav", "a sound");
  Server server{"audiocookieserver port=0 bitrate=0 location=" + folder.path()};
  server.play();
  // As long as somebody has the file open, others get it without another look at the folder.
  const auto served = [&] {
    const auto got = server.connect().receive_all();
    return as_text(got) == "a sound" && server.comes_to("clients", 0);
  };
  ck_assert(served());
  std::filesystem::remove(file);
  guint64 failed = 0;
  const auto fails = [&] {
    int how = 0;
    return server.connect().receive_all(&how).empty() && how == ECONNRESET &&
           server.comes_to("removed-error", ++failed);
  };
  ck_assert(fails());
  folder.link("a.wav", "/etc/passwd");
  ck_assert(fails());
  std::filesystem::remove(file);
  folder.write("a.wav", "a sound");
  ck_assert(served());
  ck_assert(!has_message(server, GstMessageType(GST_MESSAGE_ERROR | GST_MESSAGE_EOS)));
}
GST_END_TEST

// --- clients that misbehave ---------------------------------------------------------------

GST_START_TEST(does_not_grow_for_one_who_never_reads)
{
  for (const char *launch : {"echoserver port=0", "protocolserver launch=queue"}) {
    Server server{launch};
    server.play();
    const auto polite = server.connect();
    const auto rude = server.connect();
    const ByteVector bytes(std::size_t{1} << 20U);
    const auto before = resident_memory();
    // Until neither end's kernel buffers take any more.
    int refused = 0;
    std::size_t sent = 0;
    while (refused < 20) {
      const auto taken = rude.send_without_waiting(bytes);
      sent += taken;
      refused = taken == 0 ? refused + 1 : 0;
      polite.send("x");
      assert_text(polite.receive_text(1), "x");
    }
    ck_assert_uint_gt(sent, server.stat("queued-bytes"));
    ck_assert_uint_le(server.stat("queued-bytes"), 256U << 10U);
    if (memory_is_measurable)
      ck_assert_uint_lt(resident_memory(), before + (std::size_t{8} << 20U));
  }
}
GST_END_TEST

// What a cookie server is sent is dropped, what a recorder is sent it takes; an echo is the
// test before this.
GST_START_TEST(does_not_grow_for_one_who_only_writes)
{
  const ByteVector bytes(hostile_bytes / 8);
  for (const char *launch :
       {"fortuneserver port=0 num-cookies=-1", "protocolserver launch=\"fakesink sync=false\"",
        "protocolserver launch=\"queue ! fakesink sync=false\""}) {
    Server server{launch};
    server.play();
    const auto silent = server.connect();
    const auto rude = server.connect();
    ck_assert(server.comes_to("clients", 2));
    const auto before = resident_memory();
    std::thread writer{[&] { ck_assert(rude.send(bytes)); }};
    ck_assert(server.comes_to("bytes-received", bytes.size()));
    writer.join();
    const auto polite = server.connect();
    ck_assert(server.comes_to("clients", 3));
    ck_assert_uint_le(server.stat("queued-bytes"), 256U << 10U);
    if (memory_is_measurable)
      ck_assert_uint_lt(resident_memory(), before + (std::size_t{8} << 20U));
  }
}
GST_END_TEST

GST_START_TEST(closes_the_slow_and_the_idle)
{
  Server slow{"echoserver port=0 send-timeout=50"};
  slow.play();
  const auto rude = slow.connect();
  const ByteVector bytes(std::size_t{64} << 20U);
  rude.send(bytes);
  ck_assert(slow.comes_to("removed-slow", 1));

  Server idle{"echoserver port=0 idle-timeout=50"};
  idle.play();
  const auto silent = idle.connect();
  int how = -1;
  ck_assert(silent.receive_all(&how).empty());
  ck_assert_int_eq(how, 0);
  ck_assert(idle.comes_to("removed-idle", 1));

  Server old{"echoserver port=0 max-lifetime=100"};
  old.play();
  const auto busy = old.connect();
  while (busy.send("x") && !busy.receive(1).empty()) {
  }
  ck_assert(old.comes_to("removed-lifetime", 1));
}
GST_END_TEST

GST_START_TEST(survives_resets_at_every_stage)
{
  for (const char *launch : {"echoserver port=0", "protocolserver launch=queue"}) {
    Server server{launch};
    server.play();
    const ByteVector bytes(std::size_t{1} << 20U);
    const auto polite = server.connect();
    const auto served = [&] {
      polite.send("x");
      return polite.receive_text(1) == "x";
    };
    for (int i = 0; i < 20; ++i) {
      server.connect().reset();
      auto with_data = server.connect();
      with_data.send("hello");
      with_data.reset();
      auto in_the_middle = server.connect();
      in_the_middle.send("hello");
      in_the_middle.receive(2);
      in_the_middle.reset();
      auto full = server.connect();
      full.send_without_waiting(bytes);
      full.send_without_waiting(bytes);
      full.reset();
      auto ended = server.connect();
      ended.send_without_waiting(bytes);
      ended.end();
      ended.receive(10);
      ended.reset();
      ck_assert(served());
    }
    ck_assert(server.comes_to("clients", 1));
  }
}
GST_END_TEST

// --- limits -------------------------------------------------------------------------------

GST_START_TEST(keeps_the_number_of_clients)
{
  Server waiting{"echoserver port=0 max-clients=2"};
  waiting.play();
  auto first = waiting.connect();
  const auto second = waiting.connect();
  ck_assert(waiting.comes_to("clients", 2));
  const auto third = waiting.connect();
  third.send("x");
  pollfd watch{third.fd(), POLLIN, 0};
  ck_assert_int_eq(poll(&watch, 1, 50), 0);
  first.leave();
  assert_text(third.receive_text(1), "x");

  Server closing{"echoserver port=0 max-clients=1 overflow=close"};
  closing.play();
  const auto only = closing.connect();
  ck_assert(closing.comes_to("clients", 1));
  ck_assert(closing.connect().receive_all().empty());
  ck_assert_uint_eq(closing.stat("rejected"), 1);

  Server by_address{"echoserver port=0 max-clients-per-address=1"};
  by_address.play();
  const auto one = by_address.connect();
  ck_assert(by_address.comes_to("clients", 1));
  ck_assert(by_address.connect().receive_all().empty());
  ck_assert(by_address.comes_to("rejected", 1));
}
GST_END_TEST

GST_START_TEST(keeps_the_rate_of_clients)
{
  Server server{"echoserver port=0 accept-rate=20"};
  server.play();
  std::vector<Client> clients;
  const auto begin = g_get_monotonic_time();
  for (int i = 0; i < 30; ++i)
    clients.push_back(server.connect());
  ck_assert(server.comes_to("accepted", 30));
  // A second's worth may come at once.
  const auto took = g_get_monotonic_time() - begin;
  ck_assert_msg(took > 400'000 && took < 2'000'000, "%" G_GINT64_FORMAT " us", took);
}
GST_END_TEST

GST_START_TEST(keeps_the_bitrate)
{
  const TemporaryFile file{Random{4}.bytes(20'000)};
  Server server{"protocolserver max-bitrate=400000 launch=\"filesrc location=" +
                std::string{file.path()} + "\""};
  server.play();
  const auto begin = g_get_monotonic_time();
  ck_assert_uint_eq(server.connect().receive_all().size(), 20'000);
  const auto took = g_get_monotonic_time() - begin;
  ck_assert_msg(took > 300'000, "%" G_GINT64_FORMAT " us", took);
}
GST_END_TEST

GST_START_TEST(ends_after_the_last_client)
{
  Server server{"echoserver port=0 num-clients=3"};
  server.play();
  for (int i = 0; i < 3; ++i) {
    const auto client = server.connect();
    client.send("x");
    client.end();
    ck_assert_uint_eq(client.receive_all().size(), 1);
  }
  auto *message = gst_bus_timed_pop_filtered(server.bus(), 10 * GST_SECOND, GST_MESSAGE_EOS);
  ck_assert(message != nullptr);
  gst_message_unref(message);
}
GST_END_TEST

GST_START_TEST(ends_when_it_is_told)
{
  Server server{"echoserver port=0"};
  server.play();
  const auto client = server.connect();
  ck_assert(server.comes_to("clients", 1));
  gst_element_send_event(server.element(), gst_event_new_eos());
  auto *message = gst_bus_timed_pop_filtered(server.bus(), 10 * GST_SECOND, GST_MESSAGE_EOS);
  ck_assert(message != nullptr);
  gst_message_unref(message);
  ck_assert_int_eq(server.removals("stopped"), 1);
  ck_assert(!Client{server.port()}.is_connected());
}
GST_END_TEST

// --- telling ------------------------------------------------------------------------------

GST_START_TEST(tells_of_clients)
{
  struct Seen {
    std::atomic<int> connecting = 0;
    std::atomic<int> added = 0;
    std::atomic<int> peer_port = 0;
  } seen;
  Server server{"protocolserver launch=identity", [&seen](GstElement *element) {
                  g_signal_connect(element, "client-connecting",
                                   G_CALLBACK(+[](GstElement *, GstStructure *, Seen *to) {
                                     return gboolean{++to->connecting != 2};
                                   }),
                                   &seen);
                  g_signal_connect(element, "client-added",
                                   G_CALLBACK(+[](GstElement *, guint64 id, GstElement *bin,
                                                  GstStructure *info, Seen *to) {
                                     int port = 0;
                                     gst_structure_get_int(info, "peer-port", &port);
                                     to->peer_port = port;
                                     to->added += id == 1 && GST_IS_BIN(bin) ? 1 : 100;
                                   }),
                                   &seen);
                }};
  server.play();
  auto client = server.connect();
  client.send("hello");
  ck_assert_uint_eq(client.receive(5).size(), 5);
  ck_assert_int_eq(seen.added, 1);
  sockaddr_in local{};
  socklen_t size = sizeof local;
  getsockname(client.fd(), reinterpret_cast<sockaddr *>(&local), &size);
  ck_assert_int_eq(seen.peer_port, ntohs(local.sin_port));
  ck_assert(server.connect().receive_all().empty());
  ck_assert(server.comes_to("rejected", 1));

  // The client may have its bytes before they are counted.
  GstStructure *stats = nullptr;
  ck_assert(comes_true([&] {
    g_signal_emit_by_name(server.element(), "get-stats", guint64{1}, &stats);
    guint64 sent = 0;
    const bool is_counted = gst_structure_get_uint64(stats, "bytes-sent", &sent) && sent == 5;
    gst_structure_free(stats);
    return is_counted;
  }));
  g_signal_emit_by_name(server.element(), "get-stats", guint64{99}, &stats);
  ck_assert(stats == nullptr);
  GstStructure *list = nullptr;
  g_signal_emit_by_name(server.element(), "list-clients", &list);
  ck_assert_uint_eq(gst_value_array_get_size(gst_structure_get_value(list, "ids")), 1);
  gst_structure_free(list);

  g_signal_emit_by_name(server.element(), "remove", guint64{1});
  ck_assert(client.receive_all().empty());
  ck_assert(server.comes_to("clients", 0));
  // Counted as gone before the application is told.
  ck_assert(comes_true([&] { return server.removals("evicted") == 1; }));
  const auto another = server.connect();
  ck_assert(server.comes_to("clients", 1));
  g_signal_emit_by_name(server.element(), "clear");
  ck_assert(another.receive_all().empty());
}
GST_END_TEST

GST_START_TEST(posts_no_more_messages_than_are_read)
{
  Server server{"echoserver port=0"};
  server.play();
  auto client = server.connect();
  ck_assert(server.comes_to("clients", 1));
  auto *message = gst_bus_timed_pop_filtered(server.bus(), GST_SECOND, GST_MESSAGE_ELEMENT);
  ck_assert(gst_message_has_name(message, "client-added"));
  gst_message_unref(message);
  client.leave();
  message = gst_bus_timed_pop_filtered(server.bus(), 10 * GST_SECOND, GST_MESSAGE_ELEMENT);
  ck_assert(gst_message_has_name(message, "client-removed"));
  int reason = -1;
  const auto *structure = gst_message_get_structure(message);
  ck_assert(gst_structure_get_enum(structure, "reason", g_type_from_name("KamClientRemoval"),
                                   &reason));
  ck_assert_int_eq(reason, 0);
  gst_message_unref(message);
  for (int i = 0; i < 600; ++i)
    server.connect().leave();
  ck_assert(server.comes_to("accepted", 601));
  ck_assert(server.comes_to("clients", 0));
  // The last one is after there is no client any more.
  ck_assert(server.comes_to("messages-dropped", 200));
}
GST_END_TEST

// --- leaving nothing behind ---------------------------------------------------------------

// KAM_SERVER_CYCLES and KAM_SERVER_CLIENTS make it as many.
GST_START_TEST(starts_and_stops_with_clients)
{
  const auto cycles = number_of("KAM_SERVER_CYCLES", 5);
  const auto count = number_of("KAM_SERVER_CLIENTS", 100);
  allow_descriptors(2 * count + 1024);
  g_thread_pool_set_max_unused_threads(0);
  for (const char *launch : {"echoserver port=0", "protocolserver launch=queue"}) {
    const auto cycle = [&](bool waits) {
      Server server{launch};
      server.play();
      auto clients = Client::at_once(server.port(), count);
      for (std::size_t i = 0; i < count; i += 2)
        clients[i].send("hello");
      if (waits)
        ck_assert(server.comes_to("clients", count));
      server.stop();
      for (const auto &client : clients)
        client.receive_all();
    };
    cycle(true);  // makes what is made once
    const auto files = entries_in("/proc/self/fd");
    const auto threads = entries_in("/proc/self/task");
    const auto memory = memory_in_use();
    const auto begin = g_get_monotonic_time();
    for (std::size_t i = 0; i < cycles; ++i)
      cycle(i % 2 == 0);
    const auto seconds = static_cast<double>(g_get_monotonic_time() - begin) / G_USEC_PER_SEC;
    const auto growth = memory_in_use() - memory;
    g_print("%s: %zu cycles with %zu clients in %.1f s, %.0f kB more\n", launch, cycles, count,
            seconds, growth / 1000);
    ck_assert_int_eq(entries_in("/proc/self/fd"), files);
    ck_assert(comes_true([&] {
      g_thread_pool_stop_unused_threads();
      return entries_in("/proc/self/task") <= threads;
    }));
    if (memory_is_measurable)
      ck_assert_msg(growth < 64e6, "%.0f bytes", growth);
  }
}
GST_END_TEST

GST_START_TEST(goes_through_its_states_with_clients)
{
  Server server{"echoserver port=0"};
  server.play();
  const auto client = server.connect();
  client.send("a");
  ck_assert_uint_eq(client.receive(1).size(), 1);
  gst_element_set_state(server.element(), GST_STATE_PAUSED);
  client.send("b");
  ck_assert_uint_eq(client.receive(1).size(), 1);
  const auto waiting = server.connect();
  waiting.send("c");
  pollfd watch{waiting.fd(), POLLIN, 0};
  ck_assert_int_eq(poll(&watch, 1, 50), 0);
  server.play();
  ck_assert_uint_eq(waiting.receive(1).size(), 1);
}
GST_END_TEST

static Suite *protocolserver_suite()
{
  Suite *suite = suite_create("protocolserver");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  if (g_getenv("KAM_SERVER_CYCLES"))
    tcase_set_timeout(tc, 0);
  tcase_add_test(tc, echoes_byte_for_byte);
  tcase_add_test(tc, echoes_through_threads);
  tcase_add_test(tc, echoes_64_mebibytes);
  tcase_add_test(tc, answers_one_who_has_ended);
  tcase_add_test(tc, serves_all_who_come_at_once);
  tcase_add_test(tc, listens_at_all_addresses);
  tcase_add_test(tc, a_source_gets_through_whatever_the_client_does);
  tcase_add_test(tc, records);
  tcase_add_test(tc, finishes_a_record_whose_client_breaks_off);
  tcase_add_test(tc, stops_as_soon_as_records_are_finished);
  tcase_add_test(tc, serves_what_the_application_makes);
  tcase_add_test(tc, gives_back_what_the_application_makes);
  tcase_add_test(tc, each_client_starts_anew);
  tcase_add_test(tc, an_error_is_one_clients_own);
  tcase_add_test(tc, says_what_is_wrong_with_a_launch_line);
  tcase_add_test(tc, says_what_there_is_not_to_serve);
  tcase_add_test(tc, says_that_the_port_is_taken);
  tcase_add_test(tc, cookies_need_no_threads);
  tcase_add_test(tc, a_seed_gives_each_client_the_same_again);
  tcase_add_test(tc, a_file_that_is_gone_fails_one_client_alone);
  tcase_add_test(tc, does_not_grow_for_one_who_never_reads);
  tcase_add_test(tc, does_not_grow_for_one_who_only_writes);
  tcase_add_test(tc, closes_the_slow_and_the_idle);
  tcase_add_test(tc, survives_resets_at_every_stage);
  tcase_add_test(tc, keeps_the_number_of_clients);
  tcase_add_test(tc, keeps_the_rate_of_clients);
  tcase_add_test(tc, keeps_the_bitrate);
  tcase_add_test(tc, ends_after_the_last_client);
  tcase_add_test(tc, ends_when_it_is_told);
  tcase_add_test(tc, tells_of_clients);
  tcase_add_test(tc, posts_no_more_messages_than_are_read);
  tcase_add_test(tc, starts_and_stops_with_clients);
  tcase_add_test(tc, goes_through_its_states_with_clients);
  return suite;
}

GST_CHECK_MAIN(protocolserver)
