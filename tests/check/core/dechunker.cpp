// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/framing/dechunker.hpp"

#include "support/check_main.hpp"
#include "support/random.hpp"
#include "support/vectors.hpp"

#include <algorithm>
#include <string>

using namespace kam;
using namespace kam::framing;
using kam::test::Json;

namespace {

const std::string sync24(24, 'X');

struct Out {
  std::string data;
  bool damaged = false;
  friend bool operator==(const Out &, const Out &) = default;
};

// The chunks of what is fed, as text.
class Reader {
 public:
  explicit Reader(Sync sync = Sync::standard(), std::size_t max_chunk_size = 1U << 20U)
      : dechunker_{std::move(sync), {max_chunk_size}}
  {
  }

  Reader &feed(Bytes bytes, bool end = false)
  {
    dechunker_.feed(bytes, end);
    while (auto chunk = dechunker_.poll_chunk())
      out.push_back({decoded(*chunk), chunk->damaged});
    return *this;
  }
  Reader &feed(std::string_view text, bool end = false) { return feed(as_bytes(text), end); }
  Reader &end() { return feed(Bytes{}, true); }

  std::vector<std::string> data() const
  {
    std::vector<std::string> all;
    for (const auto &chunk : out)
      all.push_back(chunk.data);
    return all;
  }
  Dechunker &core() { return dechunker_; }

  std::vector<Out> out;

 private:
  std::string decoded(const Chunk &chunk) const
  {
    if (!chunk.in_input)
      return std::string{as_text(chunk.collected)};
    ck_assert(chunk.escaped || as_text(chunk.body).find('%') == std::string_view::npos);
    ByteVector body(chunk.body.size() + 2);
    Unescaper unescaper{dechunker_.sync()};
    auto size = unescaper.decode(chunk.body, body);
    for (const auto byte : unescaper.finish())
      body[size++] = byte;
    return std::string{as_text(Bytes{body}.first(size))};
  }

  Dechunker dechunker_;
};

std::vector<std::string> texts(const Json &list)
{
  std::vector<std::string> all;
  for (const auto &item : list.items())
    all.emplace_back(as_text(item.bytes()));
  return all;
}

void assert_texts(const std::vector<std::string> &got, const std::vector<std::string> &want,
                  const std::string &what)
{
  ck_assert_msg(got == want, "%s: %zu chunks instead of %zu, or other bytes", what.c_str(),
                got.size(), want.size());
}

}  // namespace

START_TEST(reads_what_kamaelia_should_have_read)
{
  int cases = 0;
  for (const auto &vector : test::load_vectors("dechunker")) {
    Reader reader{*Sync::from(vector["params"]["syncmessage"].bytes())};
    for (const auto &event : vector["events"].items()) {
      if (event.has("data"))
        reader.feed(event["data"].bytes());
      else
        reader.end();
    }
    const bool wanted = vector.has("want");
    assert_texts(reader.data(), texts(vector[wanted ? "want" : "out"]), vector["id"].text());
    ++cases;
  }
  ck_assert_int_eq(cases, 42);
}
END_TEST

START_TEST(gives_the_same_chunks_for_any_split)
{
  for (const auto *const text : {"XXXXXXXXXXXXXXXXXXXXXXXX", "|-|", "xyxy", "aaX", "%25x"}) {
    const auto sync = *Sync::from(as_bytes(text));
    for (std::uint32_t seed = 1; seed <= 200; ++seed) {
      test::Random random{seed};
      ByteVector stream;
      for (auto parts = random.below(8); parts > 0; --parts) {
        if (random.below(4) > 0)
          stream.insert(stream.end(), sync.bytes().begin(), sync.bytes().end());
        const auto body = random.bytes(random.below(60), std::string{"%2558"} + text);
        stream.insert(stream.end(), body.begin(), body.end());
      }
      Reader whole{sync, 40};
      whole.feed(stream).end();
      for (const std::size_t size : {std::size_t{1}, std::size_t{3}, 1 + random.below(50)}) {
        Reader pieces{sync, 40};
        for (Bytes rest = stream; !rest.empty();
             rest = rest.subspan(std::min(size, rest.size())))
          pieces.feed(rest.first(std::min(size, rest.size())));
        pieces.end();
        ck_assert_msg(pieces.out == whole.out, "sync %s, seed %u, pieces of %zu", text, seed,
                      size);
        ck_assert_uint_eq(pieces.core().stats().bytes_skipped,
                          whole.core().stats().bytes_skipped);
        ck_assert_uint_eq(pieces.core().stats().oversize, whole.core().stats().oversize);
      }
    }
  }
}
END_TEST

START_TEST(flags_what_cannot_stand_in_a_body)
{
  Reader reader;
  reader.feed(sync24 + "alXpha" + sync24 + "beta" + "XX" + sync24 + "gamma").end();
  const std::vector<Out> want{{"alXpha", true}, {"betaXX", true}, {"gamma", false}};
  ck_assert(reader.out == want);
  ck_assert_uint_eq(reader.core().stats().damaged, 2);
}
END_TEST

START_TEST(begins_a_chunk_where_the_run_of_sync_bytes_ends)
{
  for (std::size_t syncs = 1; syncs <= 4; ++syncs)
    for (std::size_t stray = 0; stray < 24; ++stray) {
      Reader reader;
      reader.feed(sync24 + "a" + std::string(24 * syncs + stray, 'X') + "b").end();
      std::vector<std::string> want{"a" + std::string(stray, 'X')};
      want.insert(want.end(), syncs - 1, "");
      want.emplace_back("b");
      assert_texts(reader.data(), want, "run");
    }
}
END_TEST

START_TEST(ends_an_empty_chunk_too)
{
  Reader reader;
  reader.feed(sync24, true).feed(sync24, true).feed("junk", true).feed(sync24 + "a", true);
  assert_texts(reader.data(), {"", "", "a"}, "packetized");
  ck_assert_uint_eq(reader.core().stats().bytes_skipped, 4);
  reader.end();
  ck_assert_uint_eq(reader.out.size(), 3);
}
END_TEST

START_TEST(drops_what_is_too_large_and_goes_on)
{
  const std::string large(1001, 'q');
  for (const std::size_t piece : {std::size_t{1}, std::size_t{100}, std::size_t{5000}}) {
    Reader reader{Sync::standard(), 1000};
    std::string stream = sync24;
    stream += large;
    stream += sync24 + large.substr(1) + sync24 + "%58" + sync24 + "small";
    for (std::size_t at = 0; at < stream.size(); at += piece)
      reader.feed(std::string_view{stream}.substr(at, piece));
    reader.end();
    assert_texts(reader.data(), {large.substr(1), "X", "small"}, "limit");
    ck_assert_uint_eq(reader.core().stats().oversize, 1);
    ck_assert_uint_eq(reader.core().stats().bytes_skipped, 1001);
  }
}
END_TEST

START_TEST(a_limit_counts_data_not_escapes)
{
  std::string body;
  for (int i = 0; i < 1000; ++i)
    body += "%25";
  Reader whole{Sync::standard(), 1000};
  whole.feed(sync24 + body + sync24).end();
  ck_assert_uint_eq(whole.out.size(), 2);
  ck_assert_uint_eq(whole.out[0].data.size(), 1000);
  ck_assert_uint_eq(whole.core().stats().oversize, 0);
}
END_TEST

START_TEST(forgets_on_reset)
{
  Reader reader;
  reader.feed(sync24 + "half of a ch");
  ck_assert(reader.core().is_collecting());
  reader.core().reset();
  ck_assert(!reader.core().is_collecting());
  reader.feed("unk" + sync24 + "next").end();
  assert_texts(reader.data(), {"next"}, "reset");
}
END_TEST

CHECK_MAIN("dechunker", reads_what_kamaelia_should_have_read,
           gives_the_same_chunks_for_any_split, flags_what_cannot_stand_in_a_body,
           begins_a_chunk_where_the_run_of_sync_bytes_ends, ends_an_empty_chunk_too,
           drops_what_is_too_large_and_goes_on, a_limit_counts_data_not_escapes,
           forgets_on_reset)
