// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/http/frontend/httpexchange.hpp"
#include "elements/http/frontend/httpfrontend.hpp"
#include "elements/http/station/streammount.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace kam::http {

// What a front end with streams answers: the streams, playlists of them, the status, the page,
// and to each page what is going on. For the front end's thread, but for of().
class Station final : private RequestHandler, private net::Timer::Handler {
 public:
  // The one of this front end; its owners keep it alive together.
  static std::shared_ptr<Station> of(const std::shared_ptr<HttpFrontend> &frontend);
  ~Station();
  Station(const Station &) = delete;
  Station &operator=(const Station &) = delete;

  // False if there is a stream at that address already.
  bool add(StreamMount &mount);
  void remove(StreamMount &mount);
  // There is a page if one of the streams wants one. A folder with a page of one's own; empty:
  // the page that is built in.
  void set_page(StreamMount &mount, bool is_shown, std::string web_root);

  // Asks whether somebody may listen; nothing set: everybody may.
  using Judge = std::function<Verdict(StreamMount &mount, Exchange &exchange)>;
  void set_judge(StreamMount &mount, Judge judge, std::string realm);

  // Pages want to hear of it.
  void announce_change() { has_changed_ = true; }
  void announce_session(const std::string &session);

 private:
  class Page;
  struct Entry {
    StreamMount *mount = nullptr;
    Judge judge;
    std::string realm;
    bool shows_page = false;
    std::string web_root;
  };

  explicit Station(HttpFrontend &frontend);
  bool handle(Exchange &exchange) override;
  void handle_time(std::uint64_t now) override;
  bool handle_stream(Exchange &exchange, const std::string &path);
  bool handle_playlist(Exchange &exchange, const std::string &path);
  bool handle_page(Exchange &exchange, const std::string &path);
  bool handle_events(Exchange &exchange);
  bool handle_file(Exchange &exchange, const std::string &path);
  Entry *find(const std::string &mount);
  bool shows_page() const { return std::ranges::any_of(entries_, &Entry::shows_page); }
  std::string web_root() const;
  std::vector<StreamFacts> facts() const;
  std::string news_for(const std::string &mount, const std::string &session) const;
  void send_news(Page &page);

  HttpFrontend &frontend_;
  net::Timer timer_;
  std::vector<Entry> entries_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Page>> pages_;
  std::uint64_t last_page_ = 0;
  std::string started_;
  bool has_changed_ = false;
  std::uint64_t last_sign_of_life_ = 0;
};

}  // namespace kam::http
