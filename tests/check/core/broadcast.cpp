// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/broadcast.hpp"
#include "core/http/listener_cursor.hpp"

#include "core/icy/demuxer.hpp"
#include "core/icy/metadata.hpp"
#include "support/check_main.hpp"
#include "support/media_streams.hpp"

#include <map>
#include <memory>
#include <string>

using namespace kam;
using namespace kam::http;
using namespace kam::test;
using namespace std::chrono_literals;

namespace {

// What one listener has received.
struct Listener {
  ListenerCursor cursor;
  std::uint32_t metaint;
  std::string head;
  ByteVector received;
  std::uint64_t began_at = 0;
  bool has_jumped = false;
  bool is_lost = false;

  Listener(std::string head_text, std::uint32_t interval)
      : cursor{head_text, interval}, metaint{interval}, head{std::move(head_text)}
  {
  }

  // Takes up to `limit` bytes, as a socket would.
  void take(const Broadcast &broadcast, std::size_t limit)
  {
    std::array<Bytes, 7> pieces;
    const auto count = cursor.gather(broadcast, pieces);
    std::size_t taken = 0;
    for (std::size_t i = 0; i < count && taken < limit; ++i) {
      const auto part = pieces[i].first(std::min(pieces[i].size(), limit - taken));
      append(received, part);
      taken += part.size();
    }
    cursor.advance(broadcast, taken);
  }

  struct Heard {
    ByteVector sound;
    std::vector<std::pair<std::size_t, std::string>> titles;  // after so much sound
  };
  Heard heard() const
  {
    ck_assert(as_text(received).starts_with(head));
    ByteVector body{received.begin() + static_cast<std::ptrdiff_t>(head.size()),
                    received.end()};
    icy::Demuxer demuxer{metaint};
    demuxer.feed(body);
    Heard heard;
    while (const auto event = demuxer.poll()) {
      if (const auto *audio = std::get_if<icy::Demuxer::Audio>(&*event))
        append(heard.sound, audio->bytes);
      else
        heard.titles.emplace_back(
            heard.sound.size(),
            icy::parse_metadata(std::get<icy::Demuxer::Block>(*event).bytes).at(0).value);
    }
    return heard;
  }
};

}  // namespace

START_TEST(bytes_are_found_by_their_offset)
{
  Random random{3};
  ByteLog log;
  ByteVector all;
  std::uint64_t kept_from = 0;
  for (int i = 0; i < 400; ++i) {
    const auto bytes = random.bytes(random.below(3) == 0 ? random.below(200'000) : 0);
    log.append(bytes);
    append(all, bytes);
    kept_from =
        std::max<std::uint64_t>(kept_from, all.size() > 300'000 ? all.size() - 300'000 : 0);
    log.forget_before(kept_from);
    ck_assert_uint_eq(log.end(), all.size());
    ck_assert_uint_le(log.begin(), kept_from);
    ck_assert_uint_lt(kept_from - log.begin(), ByteLog::block_size);
    for (auto at = log.begin(); at < log.end();) {
      const auto piece = log.at(at);
      ck_assert(!piece.empty());
      ck_assert(std::ranges::equal(piece, Bytes{all}.subspan(at, piece.size())));
      at += piece.size();
    }
  }
}
END_TEST

// Any format, listeners that come at any time, take any amounts and want titles after any
// amount: everyone gets headers and then every byte from a join point on, and the titles at the
// first place for one after the byte where they began.
START_TEST(everyone_hears_the_stream_from_a_join_point)
{
  for (const auto &made : made_formats)
    for (std::uint32_t seed = 1; seed <= 5; ++seed) {
      Random random{seed};
      const auto stream = made.make(random, 400);
      Broadcast broadcast;
      broadcast.begin_format(made.format, {});
      std::vector<std::unique_ptr<Listener>> listeners;
      std::map<std::uint64_t, std::string> titles;
      Bytes left{stream.bytes};
      for (auto time = 0ms; !left.empty(); time += 20ms) {
        const auto size = std::min(left.size(), random.below(2000));
        broadcast.append(left.first(size), time, true);
        left = left.subspan(size);
        if (random.below(20) == 0) {
          const auto title = "Title " + std::to_string(time.count());
          broadcast.set_title(title, {}, title);
          titles[broadcast.log().end()] = title;
        }
        if (random.below(5) == 0)
          listeners.push_back(std::make_unique<Listener>(
              random.below(2) == 0 ? "HTTP/1.0 200 OK\r\n\r\n" : "",
              random.below(3) == 0 ? 0 : static_cast<std::uint32_t>(1 + random.below(9000))));
        for (const auto &listener : listeners) {
          if (const auto *join = broadcast.join({.time = 100ms});
              join && !listener->cursor.has_begun()) {
            listener->cursor.begin(*join);
            listener->began_at = join->offset;
            ck_assert(std::ranges::binary_search(stream.joins, join->offset));
          }
          ck_assert(listener->cursor.keep_up(broadcast, std::nullopt) ==
                    ListenerCursor::Lag::none);
          listener->take(broadcast, random.below(5000));
        }
      }
      for (const auto &listener : listeners) {
        while (!listener->cursor.is_at_end(broadcast))
          listener->take(broadcast, 4000);
        if (!listener->cursor.has_begun())
          continue;
        const auto heard = listener->heard();
        const auto sound = Bytes{heard.sound};
        const auto headers = stream.headers.size();
        ck_assert_msg(sound.size() == headers + stream.bytes.size() - listener->began_at,
                      "%s, seed %u", made.name, seed);
        if (made.format != media::Format::mpeg_ts)
          ck_assert(std::ranges::equal(sound.first(headers), stream.headers));
        ck_assert(std::ranges::equal(sound.subspan(headers),
                                     Bytes{stream.bytes}.subspan(listener->began_at)));
        // Each title is the newest at its place, and none is told twice.
        std::string last;
        for (const auto &[after, title] : heard.titles) {
          const auto at = listener->began_at + (after < headers ? 0 : after - headers);
          const auto newest = std::prev(titles.upper_bound(at));
          ck_assert_str_eq(title.c_str(), newest->second.c_str());
          ck_assert_str_ne(title.c_str(), last.c_str());
          last = title;
        }
        if (listener->metaint > 0)
          for (const auto &[offset, title] : titles) {
            const auto next = titles.upper_bound(offset);
            const auto place = offset + listener->metaint + headers;
            if (offset >= listener->began_at && place < stream.bytes.size() &&
                (next == titles.end() || next->first > place))
              ck_assert(std::ranges::any_of(heard.titles, [&wanted = title](const auto &told) {
                return told.second == wanted;
              }));
          }
      }
    }
}
END_TEST

namespace {

// The frames that make up `sound`, as indices in `frames`; fails if it is not whole frames.
std::vector<std::size_t> frames_in(Bytes sound, const std::vector<ByteVector> &frames,
                                   std::uint32_t seed)
{
  std::vector<std::size_t> found;
  std::size_t next = 0;
  while (!sound.empty()) {
    auto at = next;
    while (at < frames.size() && !as_text(sound).starts_with(as_text(frames[at])))
      ++at;
    // The end may cut one.
    if (at == frames.size() && sound.size() < 1100)
      break;
    ck_assert_msg(at < frames.size(), "seed %u: no frame after %zu", seed, found.size());
    found.push_back(at);
    sound = sound.subspan(frames[at].size());
    next = at + 1;
  }
  return found;
}

}  // namespace

// Listeners that take too little hear whole frames, with some left out, however small the
// amounts and however long they are stuck; and memory has a limit.
START_TEST(who_lags_is_taken_forward_between_frames)
{
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    Random random{seed};
    std::vector<ByteVector> frames;
    Broadcast broadcast{{.lag = 2s, .max_bytes = 1U << 20U, .min_bytes = 4096}};
    broadcast.begin_format(media::Format::mpeg_audio, {});
    Listener stuck{"HTTP/1.1 200 OK\r\n\r\n", seed % 2 == 0 ? 0U : 3000U};
    bool has_jumped = false;
    for (int i = 0; i < 1500; ++i) {
      frames.push_back(mp3_frame(random, 1 + static_cast<unsigned>(random.below(14))));
      broadcast.append(frames.back(), i * 26ms, true);
      if (const auto *join = broadcast.join({.time = 500ms}); join && !stuck.cursor.has_begun())
        stuck.cursor.begin(*join);
      const auto lag = stuck.cursor.keep_up(broadcast, Broadcast::Burst{.time = 500ms});
      ck_assert(lag != ListenerCursor::Lag::lost);
      has_jumped = has_jumped || lag == ListenerCursor::Lag::jumped;
      if (i / 200 % 2 == 0)
        stuck.take(broadcast, random.below(300));
      ck_assert_uint_lt(broadcast.log().end() - broadcast.log().begin(), 300'000);
    }
    while (!stuck.cursor.is_at_end(broadcast))
      stuck.take(broadcast, 5000);
    ck_assert(has_jumped);
    const auto sound = stuck.heard().sound;
    const auto heard = frames_in(sound, frames, seed);
    ck_assert_uint_gt(heard.size(), 50);
    ck_assert_uint_lt(heard.size(), frames.size() - 100);
    ck_assert_uint_ge(heard.back(), frames.size() - 3);
  }
}
END_TEST

// The same where that means to close the connection.
START_TEST(who_lags_is_lost)
{
  Random random{5};
  Broadcast broadcast{{.lag = 2s, .min_bytes = 4096}};
  broadcast.begin_format(media::Format::mpeg_audio, {});
  Listener good{"", 0};
  Listener stuck{"", 0};
  auto lag = ListenerCursor::Lag::none;
  for (int i = 0; i < 400 && lag == ListenerCursor::Lag::none; ++i) {
    broadcast.append(mp3_frame(random), i * 26ms, true);
    for (auto *listener : {&good, &stuck})
      if (const auto *join = broadcast.join({.time = 0s});
          join && !listener->cursor.has_begun())
        listener->cursor.begin(*join);
    good.take(broadcast, 1U << 20U);
    ck_assert(good.cursor.keep_up(broadcast, std::nullopt) == ListenerCursor::Lag::none);
    lag = stuck.cursor.keep_up(broadcast, std::nullopt);
  }
  ck_assert(lag == ListenerCursor::Lag::lost);
  ck_assert(broadcast.end_time() > 1900ms && broadcast.end_time() < 2200ms);
}
END_TEST

START_TEST(bursts_are_as_long_as_asked)
{
  Random random{9};
  Broadcast broadcast;
  ck_assert(!broadcast.join({}));
  broadcast.begin_format(media::Format::mpeg_audio, {});
  ck_assert(!broadcast.join({}));
  for (int i = 0; i < 1000; ++i)
    broadcast.append(mp3_frame(random), i * 26ms, true);
  const auto *join = broadcast.join({.time = 4s});
  ck_assert(broadcast.end_time() - join->time >= 4s &&
            broadcast.end_time() - join->time < 4100ms);
  join = broadcast.join({.bytes = 65536});
  ck_assert_uint_ge(broadcast.log().end() - join->offset, 65536);
  ck_assert_uint_lt(broadcast.log().end() - join->offset, 65536 + 500);
  join = broadcast.join({.time = 0s});
  ck_assert_uint_lt(broadcast.log().end() - join->offset, 1000);
  // No more than there is.
  join = broadcast.join({.time = 1h});
  ck_assert_uint_ge(join->offset, broadcast.lag_limit());
}
END_TEST

// Frames that cannot be told by their bytes, and formats that nobody knows: buffers count.
START_TEST(buffers_are_join_points_where_bytes_do_not_tell)
{
  Random random{17};
  Broadcast free_bitrate;
  free_bitrate.begin_format(media::Format::mpeg_audio, {});
  Broadcast other;
  const auto header = as_bytes("header");
  other.begin_format(media::Format::unknown, header);
  for (int i = 0; i < 400; ++i) {
    auto frame = random.bytes(418);
    frame[0] = std::byte{0};
    for (auto &byte : frame)
      byte &= std::byte{0x7f};
    free_bitrate.append(frame, i * 26ms, true);
    other.append(frame, i * 26ms, i % 10 == 0);
  }
  ck_assert(free_bitrate.join({.time = 0s}));
  ck_assert_uint_eq(free_bitrate.join({.time = 0s})->offset % 418, 0);
  ck_assert_uint_eq(other.join({.time = 0s})->offset, 390 * 418);
  ck_assert(*other.join({.time = 0s})->headers == ByteVector(header.begin(), header.end()));
}
END_TEST

CHECK_MAIN("broadcast", bytes_are_found_by_their_offset,
           everyone_hears_the_stream_from_a_join_point,
           who_lags_is_taken_forward_between_frames, who_lags_is_lost,
           bursts_are_as_long_as_asked, buffers_are_join_points_where_bytes_do_not_tell)
