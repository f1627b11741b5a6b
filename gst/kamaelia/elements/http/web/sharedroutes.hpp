// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/http/routes.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace kam {

// The pipelines of a web server that run for all: each is a child of the server's bin, and ends
// in an httpserversink at the server's port. Any thread.
class SharedRoutes {
 public:
  explicit SharedRoutes(GstBin *bin) : bin_{bin} {}
  SharedRoutes(const SharedRoutes &) = delete;
  SharedRoutes &operator=(const SharedRoutes &) = delete;

  // Only of what is shared. A sentence without a full stop if it is of no use.
  std::optional<std::string> add(const http::Route &route, const std::string &address,
                                 int port);
  void remove(const http::Route &route);
  void clear();

  // While the bin changes its state, it is not known yet what an error of theirs means.
  void begin_change();
  // Those that came meanwhile.
  std::vector<glue::Ref<GstMessage>> end_change();
  // An error of one of them becomes a warning, and the others run on. Takes the message if it
  // is such.
  bool take_error(GstMessage *message);

 private:
  using Prefix = std::vector<std::string>;

  void drop(GstElement *child);

  GstBin *bin_;
  std::mutex mutex_;
  bool is_changing_ = false;
  std::vector<glue::Ref<GstMessage>> held_;
  std::map<Prefix, GstElement *> children_;
};

}  // namespace kam
