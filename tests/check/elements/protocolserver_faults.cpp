// SPDX-License-Identifier: LGPL-2.1-or-later
// What needs a process of its own: it has children, and no descriptors left.
#include "protocolserver_support.hpp"

#include "support/process.hpp"
#include "support/temporary_folder.hpp"

#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>
#include <vector>

#include <gst/check/gstcheck.h>  // last: it defines a macro called fail

using namespace kam;
using namespace kam::test;

// The first who comes gets a program that hangs; the second is served meanwhile.
GST_START_TEST(a_program_hangs_for_one_client_alone)
{
  const TemporaryFolder folder;
  const auto program = folder.write("program",
                                    "#!/bin/sh\nmkdir \"$0.asked\" 2>/dev/null || exec echo "
                                    "served\nsleep 1000 & wait\n");
  chmod(program.c_str(), 0700);
  Server server{"fortuneserver port=0 bitrate=0 command-timeout=3000 command=" + program};
  server.play();
  const auto first = server.connect();
  ck_assert(comes_true([&] { return std::filesystem::exists(program + ".asked"); }));
  assert_text(std::string{as_text(server.connect().receive_all())}, "served\n");
  ck_assert_uint_eq(server.stat("removed-error"), 0);
  int how = 0;
  ck_assert(first.receive_all(&how).empty());
  ck_assert_int_eq(how, ECONNRESET);
  ck_assert(server.comes_to("removed-error", 1));
  assert_text(std::string{as_text(server.connect().receive_all())}, "served\n");
  ck_assert(!has_message(server, GstMessageType(GST_MESSAGE_ERROR | GST_MESSAGE_EOS)));
  // Who goes while the program hangs leaves no process behind.
  std::filesystem::remove(program + ".asked");
  auto impatient = server.connect();
  ck_assert(comes_true([&] { return std::filesystem::exists(program + ".asked"); }));
  impatient.reset();
  ck_assert(server.comes_to("clients", 0));
  ck_assert(comes_true([] { return waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }));
}
GST_END_TEST

GST_START_TEST(serves_again_after_descriptors_ran_out)
{
  Server server{"echoserver port=0"};
  server.play();
  std::vector<Client> clients;
  clients.reserve(3);
  const int port = server.port();
  for (int i = 0; i < 3; ++i)
    clients.emplace_back(port);
  // Connected by the kernel already; now there is no descriptor to accept one more.
  ck_assert(server.comes_to("clients", 3));
  const int spare = dup(0);
  std::vector<int> taken;
  Client late{port};
  allow_descriptors(static_cast<rlim_t>(entries_in("/proc/self/fd")) + 8);
  for (int fd = dup(0); fd >= 0; fd = dup(0))
    taken.push_back(fd);
  close(spare);
  Client later{port};
  ck_assert(later.is_connected() || errno == EMFILE);
  const auto cpu_before = clock();
  ck_assert(
      comes_true([&] { return has_message(server, GST_MESSAGE_WARNING) || later.fd() < 0; }));
  poll(nullptr, 0, 300);
  const auto cpu = static_cast<double>(clock() - cpu_before) / CLOCKS_PER_SEC;
  ck_assert_msg(cpu < 0.1, "%.3f seconds of processor time while waiting", cpu);
  for (const int fd : taken)
    close(fd);
  const auto begin = g_get_monotonic_time();
  const auto next = server.connect();
  next.send("x");
  assert_text(next.receive_text(1), "x");
  ck_assert_int_lt(g_get_monotonic_time() - begin, G_USEC_PER_SEC);
}
GST_END_TEST

static Suite *protocolserver_faults_suite()
{
  Suite *suite = suite_create("protocolserver_faults");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, a_program_hangs_for_one_client_alone);
  tcase_add_test(tc, serves_again_after_descriptors_ran_out);
  return suite;
}

GST_CHECK_MAIN(protocolserver_faults)
