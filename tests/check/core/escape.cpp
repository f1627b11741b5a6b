// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/framing/escape.hpp"

#include "support/check_main.hpp"
#include "support/random.hpp"
#include "support/vectors.hpp"

#include <algorithm>
#include <string>

using namespace kam;
using namespace kam::framing;
using kam::test::Json;

namespace {

ByteVector escaped(const Sync &sync, Bytes data)
{
  ByteVector wire(data.size() + 2 * count_special(sync, data) + escape_slack);
  wire.resize(escape(sync, data, wire));
  return wire;
}

ByteVector unescaped(const Sync &sync, Bytes wire, std::size_t piece_size)
{
  ByteVector data(wire.size() + 2);
  Unescaper unescaper{sync};
  std::size_t size = 0;
  while (!wire.empty()) {
    const auto piece = wire.first(std::min(piece_size, wire.size()));
    size += unescaper.decode(piece, MutableBytes{data}.subspan(size));
    wire = wire.subspan(piece.size());
  }
  for (const auto byte : unescaper.finish())
    data[size++] = byte;
  data.resize(size);
  return data;
}

// Byte by byte, as the definition says.
ByteVector escaped_slowly(const Sync &sync, Bytes data)
{
  static constexpr std::string_view digits = "0123456789abcdef";
  ByteVector wire;
  for (const auto byte : data) {
    if (!sync.is_special(byte)) {
      wire.push_back(byte);
      continue;
    }
    const auto value = std::to_integer<unsigned>(byte);
    for (const char c : {'%', digits[value >> 4U], digits[value & 15U]})
      wire.push_back(static_cast<std::byte>(c));
  }
  return wire;
}

Sync sync_of(const Json &params)
{
  const auto sync = Sync::from(params["syncmessage"].bytes());
  ck_assert(sync.has_value());
  return *sync;
}

}  // namespace

START_TEST(writes_and_reads_what_kamaelia_did)
{
  int chunks = 0;
  int unescapes = 0;
  for (const auto &vector : test::load_vectors("chunker")) {
    const auto id = vector["id"].text();
    const auto sync_bytes = vector["params"]["syncmessage"].bytes();
    if (!Sync::from(sync_bytes)) {
      // Such a sync cannot be told from escaped data; Kamaelia's own answer is a fault.
      ck_assert_msg(vector["policy"].text() == "fix", "%s", id.c_str());
      continue;
    }
    const auto sync = sync_of(vector["params"]);
    const auto inputs = vector["in"].items();
    const bool wanted = vector.has("want");
    const auto outputs = vector[wanted ? "want" : "out"].items();
    ck_assert_uint_eq(inputs.size(), outputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const auto in = inputs[i].bytes();
      const auto out = outputs[i].bytes();
      if (id.starts_with("unescape/")) {
        for (std::size_t piece = 1; piece <= in.size(); ++piece)
          ck_assert_msg(unescaped(sync, in, piece) == out, "%s", id.c_str());
        ++unescapes;
      } else if (vector["policy"].text() != "either") {
        const auto body = Bytes{out}.subspan(sync.size());
        ck_assert_msg(std::ranges::equal(escaped(sync, in), body), "%s", id.c_str());
        ++chunks;
      }
    }
  }
  ck_assert_int_ge(chunks, 28);
  ck_assert_int_ge(unescapes, 8);
}
END_TEST

START_TEST(undoes_itself)
{
  for (const auto *const text :
       {"XXXXXXXXXXXXXXXXXXXXXXXX", "--=BOUNDARY=--", "\n", "%25x", "X%", "hello", "aaX"}) {
    const auto sync = *Sync::from(as_bytes(text));
    test::Random random{7};
    for (int i = 0; i < 500; ++i) {
      const auto data = random.bytes(random.below(200), std::string{"X%2558ab"} + text);
      const auto wire = escaped(sync, data);
      ck_assert(wire == escaped_slowly(sync, data));
      ck_assert_uint_eq(wire.size(), data.size() + 2 * count_special(sync, data));
      ck_assert(unescaped(sync, wire, 1 + random.below(40)) == data);
    }
  }
}
END_TEST

START_TEST(reads_any_bytes_the_same_in_any_pieces)
{
  const auto sync = Sync::standard();
  test::Random random{11};
  for (int i = 0; i < 500; ++i) {
    const auto wire = random.bytes(random.below(60), "X%2558");
    const auto whole = unescaped(sync, wire, wire.size() + 1);
    for (const std::size_t piece : {1U, 2U, 3U, 7U})
      ck_assert(unescaped(sync, wire, piece) == whole);
  }
}
END_TEST

START_TEST(refuses_a_sync_that_escaped_data_can_hold)
{
  for (const auto *const text : {"", "%", "6a", "25", "0123456789abcdef%"})
    ck_assert_msg(!Sync::from(as_bytes(text)), "accepted: '%s'", text);
  ck_assert(!Sync::from(as_bytes(std::string(257, 'X'))));
  ck_assert(Sync::from(as_bytes(std::string(256, 'X'))).has_value());
  ck_assert(Sync::from(as_bytes("A")).has_value());
}
END_TEST

CHECK_MAIN("escape", writes_and_reads_what_kamaelia_did, undoes_itself,
           reads_any_bytes_the_same_in_any_pieces, refuses_a_sync_that_escaped_data_can_hold)
