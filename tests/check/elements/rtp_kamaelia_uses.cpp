// SPDX-License-Identifier: LGPL-2.1-or-later
// What Kamaelia's RTP, RTCP and SDP components did, done by GStreamer's: the pipelines of
// docs/rtp.md. Every golden case is counted; one that nothing in GStreamer can express has
// its reason here.
#include "support/vectors.hpp"

#include <gst/rtp/rtp.h>
#include <gst/sdp/sdp.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>
#include <gst/check/gsttestclock.h>

using namespace kam;

namespace {

struct Teardown {
  void operator()(GstHarness *h) const { gst_harness_teardown(h); }
};
using Harness = std::unique_ptr<GstHarness, Teardown>;

GstBuffer *buffer_of(Bytes bytes)
{
  return bytes.empty() ? gst_buffer_new() : gst_buffer_new_memdup(bytes.data(), bytes.size());
}

ByteVector bytes_of(GstBuffer *buffer)
{
  ByteVector bytes(gst_buffer_get_size(buffer));
  gst_buffer_extract(buffer, 0, bytes.data(), bytes.size());
  return bytes;
}

// Takes the buffer.
ByteVector take_bytes(GstBuffer *buffer)
{
  auto bytes = bytes_of(buffer);
  gst_buffer_unref(buffer);
  return bytes;
}

// How many cases went which way; printed, and asserted so that none goes unseen.
class Tally {
 public:
  explicit Tally(const char *what) : what_{what} {}
  void count(const std::string &way, const std::string &id)
  {
    ++ways_[way];
    std::printf("  %s: %s\n", id.c_str(), way.c_str());
  }
  void expect(const std::map<std::string, int> &want) const
  {
    for (const auto &[way, number] : ways_)
      std::printf("%s: %d %s\n", what_, number, way.c_str());
    ck_assert_msg(ways_ == want, "%s: not the cases that were expected", what_);
  }

 private:
  const char *what_;
  std::map<std::string, int> ways_;
};

void set_pt(const Harness &h, guint pt)
{
  // The template of rtpL8pay has dynamic types only; while it runs, any can be set.
  auto *pay = gst_harness_find_element(h.get(), "rtpL8pay");
  g_object_set(pay, "pt", pt, nullptr);
  gst_object_unref(pay);
}

// The packet as a payloader makes it.
ByteVector packet_from_payloader(const test::Json &in, const test::Json &params)
{
  const auto launch =
      "rtpL8pay source-info=true ssrc=" + std::to_string(in["ssrc"].unsigned_integer()) +
      " seqnum-offset=" + std::to_string(params["seqnum"].unsigned_integer()) +
      " timestamp-offset=" + std::to_string(params["timestamp_offset"].unsigned_integer());
  const Harness h{gst_harness_new_parse(launch.c_str())};
  gst_harness_set_src_caps_str(
      h.get(), "audio/x-raw, format=U8, rate=90000, channels=1, layout=interleaved");
  set_pt(h, static_cast<guint>(in["payloadtype"].unsigned_integer()) & 0x7f);
  auto *buffer = buffer_of(in["payload"].bytes());
  GST_BUFFER_PTS(buffer) =
      static_cast<GstClockTime>(std::ceil(in["timestamp"].number() * 1e9 / 90'000));
  if (in.has("marker"))
    GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
  if (in.has("csrcs")) {
    std::vector<guint32> csrcs;
    for (const auto &csrc : in["csrcs"].items())
      csrcs.push_back(static_cast<guint32>(csrc.unsigned_integer()));
    gst_buffer_add_rtp_source_meta(buffer, nullptr, csrcs.data(),
                                   static_cast<guint>(csrcs.size()));
  }
  ck_assert_int_eq(gst_harness_push(h.get(), buffer), GST_FLOW_OK);
  gst_harness_push_event(h.get(), gst_event_new_eos());
  return take_bytes(gst_harness_pull(h.get()));
}

// The packet as an application makes it that has no element for it.
ByteVector packet_from_library(const test::Json &in, const test::Json &params)
{
  const auto payload = in["payload"].bytes();
  const auto padding = in.has("bytespadding") ? in["bytespadding"].unsigned_integer() : 0;
  const auto csrcs = in.has("csrcs") ? in["csrcs"].items() : std::vector<test::Json>{};
  auto *buffer = gst_rtp_buffer_new_allocate(static_cast<guint>(payload.size()),
                                             static_cast<guint8>(padding),
                                             static_cast<guint8>(csrcs.size()));
  GstRTPBuffer rtp = GST_RTP_BUFFER_INIT;
  gst_rtp_buffer_map(buffer, GST_MAP_READWRITE, &rtp);
  gst_rtp_buffer_set_payload_type(&rtp, static_cast<guint8>(in["payloadtype"].integer()));
  gst_rtp_buffer_set_marker(&rtp, in.has("marker"));
  gst_rtp_buffer_set_seq(&rtp, static_cast<guint16>(params["seqnum"].integer()));
  gst_rtp_buffer_set_timestamp(&rtp, static_cast<guint32>(in["timestamp"].number() +
                                                          params["timestamp_offset"].number()));
  gst_rtp_buffer_set_ssrc(&rtp, static_cast<guint32>(in["ssrc"].unsigned_integer()));
  for (guint i = 0; i < csrcs.size(); ++i)
    gst_rtp_buffer_set_csrc(&rtp, static_cast<guint8>(i),
                            static_cast<guint32>(csrcs[i].unsigned_integer()));
  if (!payload.empty())
    std::copy(payload.begin(), payload.end(),
              static_cast<std::byte *>(gst_rtp_buffer_get_payload(&rtp)));
  if (in.has("extension")) {
    const auto profile = in["extension"][0].bytes();
    const auto data = in["extension"][1].bytes();
    const auto words = static_cast<guint16>((data.size() + 3) / 4);
    gst_rtp_buffer_set_extension_data(
        &rtp,
        static_cast<guint16>(std::to_integer<guint>(profile[0]) << 8U |
                             std::to_integer<guint>(profile[1])),
        words);
    gpointer to = nullptr;
    gst_rtp_buffer_get_extension_data(&rtp, nullptr, &to, nullptr);
    std::fill_n(static_cast<std::byte *>(to), words * 4, std::byte{0});
    std::copy(data.begin(), data.end(), static_cast<std::byte *>(to));
  }
  gst_rtp_buffer_unmap(&rtp);
  // The library leaves the padding as the memory was, but for the count at its end.
  if (padding > 1)
    gst_buffer_memset(buffer, gst_buffer_get_size(buffer) - padding, 0, padding - 1);
  return take_bytes(buffer);
}

// Kamaelia counts an extension in bytes; RFC 3550 5.3.1 wants 32-bit words, and the data to be
// that long.
ByteVector with_extension_in_words(ByteVector packet, const test::Json &in)
{
  const auto csrcs = in.has("csrcs") ? in["csrcs"].size() : 0;
  const auto at = 12 + 4 * csrcs + 3;
  const auto size = in["extension"][1].bytes().size();
  packet[at] = static_cast<std::byte>((size + 3) / 4);
  packet.insert(packet.begin() + static_cast<std::ptrdiff_t>(at + 1 + size),
                (size + 3) / 4 * 4 - size, std::byte{0});
  return packet;
}

}  // namespace

GST_START_TEST(rtp_framer)
{
  Tally tally{"rtp-framer"};
  for (const auto &vector : test::load_vectors("rtp")) {
    const auto id = vector["id"].text();
    if (!id.starts_with("rtp-framer/"))
      continue;
    const auto in = vector["in"][0];
    if (vector["out"].size() == 0) {
      // padding-256: the count has 8 bits. The library's type does not hold it.
      ck_assert_uint_gt(in["bytespadding"].unsigned_integer(), 255);
      tally.count("not possible in RTP", id);
      continue;
    }
    auto want = vector["out"][0].bytes();
    if (in.has("extension"))
      want = with_extension_in_words(std::move(want), in);
    // No element writes padding or opaque extensions, or packets without data.
    const bool library =
        in.has("bytespadding") || in.has("extension") || in["payload"].bytes().empty();
    const auto packet = library ? packet_from_library(in, vector["params"])
                                : packet_from_payloader(in, vector["params"]);
    ck_assert_msg(packet == want, "%s differs", id.c_str());
    tally.count(library ? "GstRTPBuffer" : "payloader", id);
  }
  tally.expect({{"payloader", 7}, {"GstRTPBuffer", 8}, {"not possible in RTP", 1}});
}
GST_END_TEST

namespace {

struct Depayloader {
  explicit Depayloader(bool ts)
      : h{gst_harness_new(ts ? "rtpmp2tdepay" : "rtpL8depay")}, bus{gst_bus_new()}
  {
    gst_element_set_bus(h->element, bus);
    gst_harness_set_src_caps_str(
        h.get(), ts ? "application/x-rtp, media=video, clock-rate=90000, encoding-name=MP2T"
                    : "application/x-rtp, media=audio, clock-rate=90000, encoding-name=L8, "
                      "channels=1, payload=96");
  }
  ~Depayloader()
  {
    gst_element_set_bus(h->element, nullptr);
    gst_object_unref(bus);
  }
  Depayloader(const Depayloader &) = delete;
  Depayloader &operator=(const Depayloader &) = delete;

  std::vector<ByteVector> read(const ByteVector &packet) const
  {
    ck_assert_int_eq(gst_harness_push(h.get(), buffer_of(packet)), GST_FLOW_OK);
    std::vector<ByteVector> out;
    while (auto *buffer = gst_harness_try_pull(h.get()))
      out.push_back(take_bytes(buffer));
    auto *error = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
    ck_assert_msg(error == nullptr, "an error was posted");
    return out;
  }

  Harness h;
  GstBus *bus;
};

void check_header(const std::string &id, const ByteVector &wire, const test::Json &want)
{
  auto *buffer = buffer_of(wire);
  GstRTPBuffer rtp = GST_RTP_BUFFER_INIT;
  ck_assert_msg(gst_rtp_buffer_map(buffer, GST_MAP_READ, &rtp), "%s", id.c_str());
  const auto packet = want["packet"];
  ck_assert_uint_eq(gst_rtp_buffer_get_seq(&rtp), want["seqnum"].unsigned_integer());
  ck_assert_uint_eq(gst_rtp_buffer_get_timestamp(&rtp), packet["timestamp"].unsigned_integer());
  ck_assert_uint_eq(gst_rtp_buffer_get_ssrc(&rtp), packet["ssrc"].unsigned_integer());
  ck_assert_uint_eq(gst_rtp_buffer_get_payload_type(&rtp),
                    packet["payloadtype"].unsigned_integer());
  ck_assert_int_eq(gst_rtp_buffer_get_marker(&rtp) != 0, packet["marker"].integer() != 0);
  gst_rtp_buffer_unmap(&rtp);
  gst_buffer_unref(buffer);
}

}  // namespace

GST_START_TEST(rtp_deframer)
{
  // A packet that Kamaelia's deframer reads; each case has to leave the depayloader able to.
  const ByteVector after = {std::byte{0x80}, std::byte{96}, std::byte{0x40}, std::byte{0},
                            std::byte{0},    std::byte{0},  std::byte{0},    std::byte{9},
                            std::byte{0},    std::byte{0},  std::byte{0},    std::byte{1},
                            std::byte{'o'},  std::byte{'k'}};
  const auto text = as_bytes("payload bytes");
  const ByteVector payload{text.begin(), text.end()};
  Tally tally{"rtp-deframer"};
  for (const auto &vector : test::load_vectors("rtp")) {
    const auto id = vector["id"].text();
    if (!id.starts_with("rtp-deframer/"))
      continue;
    const auto wire = vector["in"][0].bytes();
    const bool ts = id.ends_with("mp2t-7");
    const Depayloader depayloader{ts};
    const auto got = depayloader.read(wire);
    if (vector["policy"].text() == "keep" && vector["out"].size() > 0) {
      const auto want = vector["out"][0]["packet"]["payload"].bytes();
      check_header(id, wire, vector["out"][0]);
      if (want.empty())  // a depayloader has nothing to give then
        ck_assert_msg(got.empty(), "%s", id.c_str());
      else
        ck_assert_msg(got.size() == 1 && got[0] == want, "%s: payload differs", id.c_str());
      tally.count(want.empty() ? "empty" : "same data", id);
    } else if (vector["policy"].text() == "keep") {
      ck_assert_msg(got.empty(), "%s: not dropped", id.c_str());
      tally.count("dropped by both", id);
    } else if (id.ends_with("csrc-2") || id.ends_with("ext-0")) {
      // Kamaelia died; these are good packets.
      ck_assert_msg(got.size() == 1 && got[0] == payload, "%s: payload differs", id.c_str());
      tally.count("read where Kamaelia died", id);
    } else if (id.ends_with("pad-0")) {
      // A padding of 0 bytes is not allowed; both take it to be none.
      ck_assert_msg(got.size() == 1 && got[0].size() == 4, "%s", id.c_str());
      tally.count("read as Kamaelia did", id);
    } else if (id.ends_with("of-all")) {
      // Its extension has four bytes and says so; RFC 3550 reads four words.
      ck_assert_msg(got.size() == 1 && got[0].size() == 1, "%s", id.c_str());
      tally.count("extension read in words", id);
    } else {
      // Not RTP, or Kamaelia's extension in bytes, which says it is longer than the packet.
      ck_assert_msg(got.empty(), "%s: not dropped", id.c_str());
      tally.count("dropped where Kamaelia died or read wrong", id);
    }
    if (!ts)
      ck_assert_msg(depayloader.read(after).size() == 1, "%s killed it", id.c_str());
  }
  tally.expect({{"same data", 9},
                {"empty", 1},
                {"dropped by both", 3},
                {"read where Kamaelia died", 2},
                {"extension read in words", 1},
                {"read as Kamaelia did", 1},
                {"dropped where Kamaelia died or read wrong", 4}});
}
GST_END_TEST

namespace {

// What GstRTCPBuffer writes when `fill` adds to an empty compound packet.
template <class Fill>
ByteVector rtcp_packet(GstRTCPType type, Fill fill)
{
  auto *buffer = gst_rtcp_buffer_new(1400);
  GstRTCPBuffer rtcp = GST_RTCP_BUFFER_INIT;
  gst_rtcp_buffer_map(buffer, GST_MAP_READWRITE, &rtcp);
  GstRTCPPacket packet;
  ck_assert(gst_rtcp_buffer_add_packet(&rtcp, type, &packet));
  fill(&packet);
  gst_rtcp_buffer_unmap(&rtcp);
  return take_bytes(buffer);
}

ByteVector sdes_packet(GstRTCPSDESType type, Bytes data)
{
  return rtcp_packet(GST_RTCP_TYPE_SDES, [&](GstRTCPPacket *packet) {
    gst_rtcp_packet_sdes_add_item(packet, 1);
    gst_rtcp_packet_sdes_add_entry(packet, type, static_cast<guint8>(data.size()),
                                   reinterpret_cast<const guint8 *>(data.data()));
  });
}

ByteVector bytes_in(const test::Json &numbers)
{
  ByteVector bytes;
  for (const auto &number : numbers.items())
    bytes.push_back(static_cast<std::byte>(number.integer()));
  return bytes;
}

// An item lies behind the packet's header and the source.
ByteVector sdes_item(const ByteVector &packet, std::size_t size)
{
  return {packet.begin() + 8, packet.begin() + 8 + static_cast<std::ptrdiff_t>(size)};
}

ByteVector sender_report(const test::Json &in)
{
  return rtcp_packet(GST_RTCP_TYPE_SR, [&](GstRTCPPacket *packet) {
    gst_rtcp_packet_sr_set_sender_info(
        packet, static_cast<guint32>(in["SSRC"].unsigned_integer()),
        in["NTPtimestamp"].unsigned_integer(),
        static_cast<guint32>(in["RTPtimestamp"].unsigned_integer()),
        static_cast<guint32>(in["sendersPacketCount"].unsigned_integer()),
        static_cast<guint32>(in["sendersOctetCount"].unsigned_integer()));
  });
}

// GStreamer reads the reason of a BYE, but does not write one (1.22).
void check_bye_is_read(const ByteVector &wire, const test::Json &in)
{
  auto *buffer = buffer_of(wire);
  GstRTCPBuffer rtcp = GST_RTCP_BUFFER_INIT;
  gst_rtcp_buffer_map(buffer, GST_MAP_READ, &rtcp);
  GstRTCPPacket packet;
  ck_assert(gst_rtcp_buffer_get_first_packet(&rtcp, &packet));
  ck_assert_int_eq(gst_rtcp_packet_get_type(&packet), GST_RTCP_TYPE_BYE);
  ck_assert_uint_eq(gst_rtcp_packet_bye_get_ssrc_count(&packet), in["SSRC_CSRC"].size());
  for (guint i = 0; i < in["SSRC_CSRC"].size(); ++i)
    ck_assert_uint_eq(gst_rtcp_packet_bye_get_nth_ssrc(&packet, i),
                      in["SSRC_CSRC"][i].unsigned_integer());
  auto *reason = gst_rtcp_packet_bye_get_reason(&packet);
  ck_assert_str_eq(reason, "Bye");
  g_free(reason);
  gst_rtcp_buffer_unmap(&rtcp);
  gst_buffer_unref(buffer);
}

ByteVector app_packet(const test::Json &in)
{
  const auto name = bytes_in(in["name"]);
  return rtcp_packet(GST_RTCP_TYPE_APP, [&](GstRTCPPacket *packet) {
    gst_rtcp_packet_app_set_subtype(packet, static_cast<guint8>(in["subtype"].integer()));
    gst_rtcp_packet_app_set_ssrc(packet,
                                 static_cast<guint32>(in["SSRC_CSRC"].unsigned_integer()));
    gst_rtcp_packet_app_set_name(packet, std::string{as_text(name)}.c_str());
    gst_rtcp_packet_app_set_data_length(packet, static_cast<guint16>(in["appData"].size()));
    auto *words = gst_rtcp_packet_app_get_data(packet);
    for (std::size_t i = 0; i < in["appData"].size(); ++i)
      GST_WRITE_UINT32_BE(words + 4 * i, in["appData"][i].integer());
  });
}

ByteVector rtp_header(const test::Json &in)
{
  const auto csrcs = in.has("CSRC") ? in["CSRC"].items() : std::vector<test::Json>{};
  auto *buffer = gst_rtp_buffer_new_allocate(0, 0, static_cast<guint8>(csrcs.size()));
  GstRTPBuffer rtp = GST_RTP_BUFFER_INIT;
  gst_rtp_buffer_map(buffer, GST_MAP_READWRITE, &rtp);
  gst_rtp_buffer_set_marker(&rtp, in.has("marker"));
  gst_rtp_buffer_set_payload_type(&rtp, static_cast<guint8>(in["payloadtype"].integer()));
  gst_rtp_buffer_set_seq(&rtp, static_cast<guint16>(in["sequencenumber"].integer()));
  gst_rtp_buffer_set_timestamp(&rtp, static_cast<guint32>(in["timestamp"].integer()));
  gst_rtp_buffer_set_ssrc(&rtp, static_cast<guint32>(in["SSRC"].integer()));
  for (std::size_t i = 0; i < csrcs.size(); ++i)
    gst_rtp_buffer_set_csrc(&rtp, static_cast<guint8>(i),
                            static_cast<guint32>(csrcs[i].integer()));
  gst_rtp_buffer_unmap(&rtp);
  return take_bytes(buffer);
}

// A header that no writer of GStreamer's makes (it never pads) is read as it was meant.
void check_sdes_header_is_read(ByteVector header, const test::Json &in)
{
  header.resize((in["length"].unsigned_integer() + 1) * 4);
  auto *buffer = buffer_of(header);
  GstRTCPBuffer rtcp = GST_RTCP_BUFFER_INIT;
  gst_rtcp_buffer_map(buffer, GST_MAP_READ, &rtcp);
  GstRTCPPacket packet;
  ck_assert(gst_rtcp_buffer_get_first_packet(&rtcp, &packet));
  ck_assert_int_eq(gst_rtcp_packet_get_type(&packet), GST_RTCP_TYPE_SDES);
  ck_assert_uint_eq(gst_rtcp_packet_get_count(&packet), in["sourceCount"].unsigned_integer());
  ck_assert_uint_eq(gst_rtcp_packet_get_length(&packet), in["length"].unsigned_integer());
  ck_assert_int_eq(gst_rtcp_packet_get_padding(&packet), in["padding"].integer() != 0);
  gst_rtcp_buffer_unmap(&rtcp);
  gst_buffer_unref(buffer);
}

}  // namespace

GST_START_TEST(rtcp_records)
{
  Tally tally{"rtcp"};
  for (const auto &vector : test::load_vectors("rtcp")) {
    const auto id = vector["id"].text();
    const auto in = vector["in"][0];
    auto want = vector["out"][0].bytes();
    ByteVector got;
    if (id == "rtcp/sr") {
      got = sender_report(in);
      // Kamaelia always wrote 0 for the RTP time.
      GST_WRITE_UINT32_BE(want.data() + 16, in["RTPtimestamp"].unsigned_integer());
    } else if (id == "rtcp/sdes") {
      got = sdes_packet(GST_RTCP_SDES_CNAME, as_bytes("thirteen byte"));
      got.resize(want.size());
    } else if (id == "rtcp/sdes-count-16") {
      check_sdes_header_is_read(want, in);
      tally.count("read by GstRTCPBuffer", id);
      continue;
    } else if (id == "rtcp/phone" || id == "rtcp/note") {
      const auto type = id == "rtcp/phone" ? GST_RTCP_SDES_PHONE : GST_RTCP_SDES_NOTE;
      got = sdes_item(sdes_packet(type, bytes_in(in["description"])), want.size());
    } else if (id == "rtcp/priv") {
      auto data = bytes_in(in["prefixString"]);
      data.insert(data.begin(), static_cast<std::byte>(data.size()));
      for (const auto byte : bytes_in(in["description"]))
        data.push_back(byte);
      got = sdes_item(sdes_packet(GST_RTCP_SDES_PRIV, data), want.size());
    } else if (id == "rtcp/bye") {
      check_bye_is_read(want, in);
      tally.count("read by GstRTCPBuffer", id);
      continue;
    } else if (id == "rtcp/app") {
      got = app_packet(in);
    } else if (id.starts_with("rtcp/rtp-header")) {
      got = rtp_header(in);
    } else {
      // 16 bits, which nothing in Kamaelia ever wrote: its PreFramer's length has 32.
      ck_assert_str_eq(id.c_str(), "rtcp/raw-payload-header");
      tally.count("not a wire format: see rtpnullpay", id);
      continue;
    }
    if (got != want) {
      for (auto c : got)
        printf("%02x", (int)c);
      puts("");
    }
    ck_assert_msg(got == want, "%s differs", id.c_str());
    tally.count("written", id);
  }
  tally.expect(
      {{"written", 8}, {"read by GstRTCPBuffer", 2}, {"not a wire format: see rtpnullpay", 1}});
}
GST_END_TEST

namespace {

std::vector<int> rtcp_types(GstBuffer *buffer)
{
  std::vector<int> types;
  GstRTCPBuffer rtcp = GST_RTCP_BUFFER_INIT;
  ck_assert(gst_rtcp_buffer_map(buffer, GST_MAP_READ, &rtcp));
  GstRTCPPacket packet;
  for (bool more = gst_rtcp_buffer_get_first_packet(&rtcp, &packet); more;
       more = gst_rtcp_packet_move_to_next(&packet))
    types.push_back(gst_rtcp_packet_get_type(&packet));
  gst_rtcp_buffer_unmap(&rtcp);
  gst_buffer_unref(buffer);
  return types;
}

}  // namespace

// SR and SDES while it sends, BYE at its end.
GST_START_TEST(rtcp_session)
{
  auto *clock = GST_TEST_CLOCK(gst_test_clock_new());
  gst_system_clock_set_default(GST_CLOCK(clock));  // the session's timer asks for that one
  {
    const Harness h{
        gst_harness_new_with_padnames("rtpsession", "send_rtp_sink", "send_rtp_src")};
    const Harness rtcp{gst_harness_new_with_element(h->element, nullptr, "send_rtcp_src")};
    gst_harness_set_src_caps_str(
        h.get(),
        "application/x-rtp, media=video, clock-rate=90000, encoding-name=MP2T, "
        "payload=33, ssrc=(uint)7");
    auto *buffer = gst_rtp_buffer_new_allocate(188, 0, 0);
    GstRTPBuffer rtp = GST_RTP_BUFFER_INIT;
    gst_rtp_buffer_map(buffer, GST_MAP_READWRITE, &rtp);
    gst_rtp_buffer_set_ssrc(&rtp, 7);
    gst_rtp_buffer_set_payload_type(&rtp, 33);
    gst_rtp_buffer_unmap(&rtp);
    GST_BUFFER_PTS(buffer) = 0;
    ck_assert_int_eq(gst_harness_push(h.get(), buffer), GST_FLOW_OK);
    ck_assert(gst_test_clock_crank(clock));
    const std::vector<int> reports{GST_RTCP_TYPE_SR, GST_RTCP_TYPE_SDES};
    ck_assert(rtcp_types(gst_harness_pull(rtcp.get())) == reports);
    gst_harness_push_event(h.get(), gst_event_new_eos());
    const std::vector<int> goodbye{GST_RTCP_TYPE_SR, GST_RTCP_TYPE_SDES, GST_RTCP_TYPE_BYE};
    ck_assert(gst_test_clock_crank(clock));
    ck_assert(rtcp_types(gst_harness_pull(rtcp.get())) == goodbye);
  }
  gst_system_clock_set_default(nullptr);
  gst_object_unref(clock);
}
GST_END_TEST

namespace {

struct FreeMessage {
  void operator()(GstSDPMessage *message) const { gst_sdp_message_free(message); }
};
using Sdp = std::unique_ptr<GstSDPMessage, FreeMessage>;

Sdp parse_sdp(const std::string &text)
{
  GstSDPMessage *message = nullptr;
  gst_sdp_message_new(&message);
  Sdp sdp{message};
  const auto *data = reinterpret_cast<const guint8 *>(text.data());
  if (gst_sdp_message_parse_buffer(data, static_cast<guint>(text.size()), message) !=
      GST_SDP_OK)
    sdp.reset();
  return sdp;
}

// GStreamer puts several descriptions in one text into one; they are to be parsed one by one.
std::vector<std::string> descriptions_in(const test::Json &lines)
{
  std::vector<std::string> texts(1);
  for (const auto &line : lines.items())
    if (const auto text = line.text(); !text.empty())
      texts.back() += text + "\r\n";
    else
      texts.emplace_back();
  return texts;
}

void check_text(const char *got, const std::string &want)
{
  ck_assert_str_eq(got, want.c_str());
}

void check_media(const std::string &id, const GstSDPMessage *sdp, const test::Json &want,
                 guint index)
{
  const auto *media = gst_sdp_message_get_media(sdp, index);
  const auto line = want["media"];
  check_text(media->media, line[0].text());
  ck_assert_uint_eq(media->port, line[1].unsigned_integer());
  ck_assert_uint_eq(MAX(media->num_ports, 1), line[2].unsigned_integer());
  check_text(media->proto, line[3].text());
  std::string formats;
  for (guint i = 0; i < gst_sdp_media_formats_len(media); ++i)
    formats += (i > 0 ? " " : "") + std::string{gst_sdp_media_get_format(media, i)};
  check_text(formats.c_str(), line[4].text());
  // A session's c= goes for all its media; Kamaelia copied it into each.
  const auto *connection = gst_sdp_media_connections_len(media) > 0
                               ? gst_sdp_media_get_connection(media, 0)
                               : gst_sdp_message_get_connection(sdp);
  ck_assert_msg(want["connection"][2].text() == connection->address, "%s: %s", id.c_str(),
                connection->address);
}

void check_sdp(const std::string &id, const GstSDPMessage *sdp, const test::Json &want)
{
  check_text(gst_sdp_message_get_version(sdp), "0");
  check_text(gst_sdp_message_get_session_name(sdp), want["sessionname"].text());
  const auto *origin = gst_sdp_message_get_origin(sdp);
  check_text(origin->username, want["origin"][0].text());
  ck_assert(origin->sess_id == std::to_string(want["origin"][1].unsigned_integer()));
  check_text(origin->addr, want["origin"][5].text());
  if (want.has("URI"))
    check_text(gst_sdp_message_get_uri(sdp), want["URI"].text());
  if (want.has("information"))
    check_text(gst_sdp_message_get_information(sdp), want["information"].text());
  if (want.has("encryption"))
    check_text(gst_sdp_message_get_key(sdp)->data, want["encryption"][1].text());
  const auto media = want.has("media") ? want["media"].size() : 0;
  ck_assert_uint_eq(gst_sdp_message_medias_len(sdp), media);
  for (guint i = 0; i < media; ++i)
    check_media(id, sdp, want["media"][i], i);
}

}  // namespace

GST_START_TEST(sdp_descriptions)
{
  Tally tally{"sdp"};
  for (const auto &vector : test::load_vectors("sdp")) {
    const auto id = vector["id"].text();
    const auto texts = descriptions_in(vector["in"]);
    if (vector["policy"].text() == "keep") {
      for (std::size_t i = 0; i < vector["out"].size(); ++i) {
        const auto sdp = parse_sdp(texts[i]);
        ck_assert_msg(sdp != nullptr, "%s", id.c_str());
        check_sdp(id, sdp.get(), vector["out"][i]);
      }
      tally.count("read the same", id);
      continue;
    }
    const auto sdp = parse_sdp(texts[0]);
    ck_assert_msg(sdp != nullptr, "%s", id.c_str());
    if (id == "sdp/ip6")
      ck_assert_str_eq(gst_sdp_message_get_connection(sdp.get())->address, "ff02::1");
    tally.count("read where Kamaelia died", id);
  }
  tally.expect({{"read the same", 7}, {"read where Kamaelia died", 5}});
}
GST_END_TEST

static Suite *rtp_kamaelia_uses_suite()
{
  Suite *suite = suite_create("rtp_kamaelia_uses");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, rtp_framer);
  tcase_add_test(tc, rtp_deframer);
  tcase_add_test(tc, rtcp_records);
  tcase_add_test(tc, rtcp_session);
  tcase_add_test(tc, sdp_descriptions);
  return suite;
}

GST_CHECK_MAIN(rtp_kamaelia_uses)
