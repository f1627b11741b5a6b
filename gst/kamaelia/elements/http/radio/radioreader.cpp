// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/radio/radioreader.hpp"

#include "core/http/playlist.hpp"
#include "glue/bytes.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace kam::icy {
namespace {

using glue::BufferPtr;
using http::RadioFailure;
using Kind = RadioFailure::Kind;

constexpr std::size_t smallest_block = 4096;
constexpr std::size_t playlist_read = 16384;
constexpr std::uint64_t largest_metaint = std::uint64_t{1} << 32U;

// Whether it may help to ask the same address again, later.
Tuner::Hope hope_after(const RadioFailure &failure, bool had_data)
{
  switch (failure.kind) {
  case Kind::bad_address:
  case Kind::insecure:
  case Kind::too_many_redirects: return Tuner::Hope::none;
  // A web page instead of a station that was there before is the server's way to say sorry.
  case Kind::not_audio: return had_data ? Tuner::Hope::some : Tuner::Hope::none;
  case Kind::refused: {
    constexpr std::array passing{404U, 408U, 425U, 429U};
    const bool passes =
        failure.status >= 500 || std::ranges::find(passing, failure.status) != passing.end();
    return passes ? Tuner::Hope::some : Tuner::Hope::none;
  }
  default: return Tuner::Hope::some;
  }
}

bool is_web_page(std::string_view content_type, Bytes beginning)
{
  if (g_ascii_strncasecmp(content_type.data(), "text/html",
                          std::min<std::size_t>(content_type.size(), 9)) == 0 &&
      content_type.size() >= 9)
    return true;
  auto text = as_text(beginning);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  constexpr std::array<std::string_view, 2> starts{"<!doctype html", "<html"};
  return std::ranges::any_of(starts, [text](std::string_view start) {
    return text.size() >= start.size() &&
           g_ascii_strncasecmp(text.data(), start.data(), start.size()) == 0;
  });
}

}  // namespace

RadioReader::RadioReader(std::string address, GCancellable *cancellable)
    : cancellable_{glue::Ref<GCancellable>::share(cancellable)},
      connection_{cancellable},
      tuner_{std::move(address), {}}
{
}

RadioEvent RadioReader::next(const Options &options)
{
  for (;;) {
    if (!pending_.empty()) {
      auto event = std::move(pending_.front());
      pending_.pop_front();
      return event;
    }
    if (ended_)
      return *ended_;
    if (g_cancellable_is_cancelled(cancellable_.get()))
      return Interrupted{};
    switch (stage_) {
    case Stage::closed: connect(options); break;
    case Stage::looking:
    case Stage::playlist: look(options); break;
    case Stage::sounding: receive(options); break;
    }
  }
}

// False if it was interrupted.
bool RadioReader::wait(Tuner::Duration pause) const
{
  GPollFD interrupt{};
  if (!g_cancellable_make_pollfd(cancellable_.get(), &interrupt))
    return false;
  const auto milliseconds = std::min<Tuner::Duration::rep>(pause.count(), G_MAXINT);
  const auto ready = g_poll(&interrupt, 1, static_cast<gint>(milliseconds));
  g_cancellable_release_fd(cancellable_.get());
  return ready == 0;
}

const std::string &RadioReader::content_type() const
{
  static const std::string unknown;
  const auto *type = connection_.head().find("content-type");
  return type ? *type : unknown;
}

void RadioReader::connect(const Options &options)
{
  if (!step_)
    step_ = tuner_.next(options.policy);
  if (!step_->address)
    return end(std::nullopt);
  if (step_->pause.count() > 0 && !wait(step_->pause))
    return;
  step_->pause = {};
  auto wanted = options.connection;
  wanted.ask_for_titles &= !refuse_titles_;
  if (const auto failure = connection_.open(*step_->address, wanted)) {
    if (failure->kind != Kind::cancelled)
      fail(*failure, hope_after(*failure, tuner_.had_data()), options);
    return;
  }
  begin(options);
}

// A response is there.
void RadioReader::begin(const Options &options)
{
  std::optional<std::uint64_t> metaint = 0;
  if (const auto *field = connection_.head().find("icy-metaint"))
    metaint = http::decimal(*field);
  if (!metaint || *metaint > largest_metaint) {
    if (!refuse_titles_) {
      // Where the titles are is anybody's guess, so it is asked again without them.
      refuse_titles_ = true;
      return connection_.close();
    }
    metaint = 0;
  }
  step_.reset();
  has_data_ = false;
  beginning_.clear();
  sound_.begin(*metaint, content_type(), !had_data_, options.sound);
  next_block_ = smallest_block;
  stage_ = Stage::looking;
  // Nobody puts titles into a playlist.
  if (*metaint > 0)
    begin_sound();
}

void RadioReader::begin_sound()
{
  stage_ = Stage::sounding;
  pending_.emplace_back(Connected{connection_.address(), playlist_});
  if (beginning_.empty())
    return;
  auto block = glue::copy(beginning_);
  const auto size = std::exchange(beginning_, {}).size();
  take(std::move(block), size);
}

// Reads on until it is clear what this is, or to the end of a playlist.
void RadioReader::look(const Options &options)
{
  const auto before = beginning_.size();
  beginning_.resize(before + playlist_read);
  const auto got = connection_.read(MutableBytes{beginning_}.subspan(before));
  const auto *size = std::get_if<std::size_t>(&got);
  beginning_.resize(before + (size ? *size : 0));
  if (!size)
    return handle_read_failure(std::get<Failure>(got), options);
  const bool at_end = *size == 0;
  if (stage_ == Stage::looking)
    return decide(options, at_end);
  if (at_end || beginning_.size() > http::PlaylistLimits{}.max_size)
    end_playlist(options);
}

void RadioReader::decide(const Options &options, bool at_end)
{
  if (is_web_page(content_type(), beginning_)) {
    const Failure failure{Kind::not_audio, 0, "a web page"};
    return fail(failure, hope_after(failure, tuner_.had_data()), options);
  }
  const auto guess = http::guess_playlist(beginning_, content_type());
  if (guess == http::PlaylistGuess::yes) {
    stage_ = Stage::playlist;
    if (at_end || beginning_.size() > http::PlaylistLimits{}.max_size)
      end_playlist(options);
  } else if (guess == http::PlaylistGuess::no || at_end) {
    begin_sound();
    if (at_end)
      handle_end(options);
  }
}

void RadioReader::end_playlist(const Options &options)
{
  const auto parsed = http::parse_playlist(beginning_, content_type(), connection_.address());
  if (const auto *fault = std::get_if<http::PlaylistFault>(&parsed))
    return fail({Kind::not_audio, 0, std::string{"the playlist "} + http::describe(*fault)},
                Tuner::Hope::none, options);
  std::vector<std::string> addresses;
  for (const auto &entry : std::get<http::Playlist>(parsed).entries)
    addresses.push_back(entry.uri);
  if (!tuner_.handle_playlist(addresses))
    return fail({Kind::not_audio, 0, "playlists in playlists, without end"}, Tuner::Hope::none,
                options);
  if (playlist_.empty())
    playlist_ = connection_.address();
  connection_.close();
  stage_ = Stage::closed;
}

void RadioReader::receive(const Options &options)
{
  const auto limit = std::max<std::size_t>(options.block_size, 1);
  const auto size = std::min(next_block_, limit);
  auto block = glue::allocate(size);
  std::variant<std::size_t, Failure> got;
  {
    const glue::WriteMap map{block.get()};
    got = connection_.read(map.bytes());
  }
  if (const auto *failure = std::get_if<Failure>(&got))
    return handle_read_failure(*failure, options);
  const auto there = std::get<std::size_t>(got);
  if (there == 0)
    return handle_end(options);
  // As much as comes at a time, so that a slow stream does not hold blocks that are empty.
  if (there == size)
    next_block_ = std::min(size * 2, limit);
  else if (there < size / 4)
    next_block_ = std::max(size / 2, smallest_block);
  take(std::move(block), there);
}

void RadioReader::handle_read_failure(const Failure &failure, const Options &options)
{
  if (failure.kind == Kind::cancelled)
    return;
  if (stage_ == Stage::sounding && has_data_)
    lose(failure, options);
  else
    fail(failure, Tuner::Hope::some, options);
}

void RadioReader::handle_end(const Options &options)
{
  const auto &head = connection_.head();
  const bool is_station = std::ranges::any_of(
      head.fields, [](const auto &field) { return field.key.starts_with("icy-"); });
  // What has a length and is no station is a file.
  if (!is_station && connection_.is_complete()) {
    pending_.emplace_back(Disconnected{{Kind::closed, 0, "the end"}, has_data_, false});
    return end(std::nullopt);
  }
  handle_read_failure({Kind::closed, 0, "the server closed the connection"}, options);
}

void RadioReader::take(BufferPtr block, std::size_t size)
{
  if (!has_data_) {
    has_data_ = true;
    had_data_ = true;
    tuner_.handle_data();
  }
  sound_.take(std::move(block), size);
}

void RadioReader::fail(const Failure &failure, Tuner::Hope hope, const Options &options)
{
  connection_.close();
  stage_ = Stage::closed;
  tuner_.handle_failure(hope);
  step_ = tuner_.next(options.policy);
  pending_.emplace_back(Disconnected{failure, false, step_->address.has_value()});
  if (!step_->address)
    end(failure);
}

void RadioReader::lose(const Failure &failure, const Options &options)
{
  sound_.end();
  connection_.close();
  stage_ = Stage::closed;
  tuner_.handle_loss();
  step_ = tuner_.next(options.policy);
  pending_.emplace_back(Disconnected{failure, true, step_->address.has_value()});
  if (!step_->address)
    end(failure.kind == Kind::closed ? std::nullopt : std::optional{failure});
}

void RadioReader::end(std::optional<Failure> failure)
{
  sound_.end();
  connection_.close();
  ended_ = Ended{std::move(failure)};
}

}  // namespace kam::icy
