// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/http/frontend/elementnotices.hpp"
#include "elements/http/frontend/httpexchange.hpp"

#include <gst/gst.h>

#include <functional>
#include <optional>
#include <string>

namespace kam::http {

// User and password of a request; nothing if it says none, or not in the Basic way.
struct Credentials {
  std::string user;
  std::string password;
};
std::optional<Credentials> credentials_of(const RequestHead &request);

// Takes as long whatever the difference is.
bool are_equal(const std::string &a, const std::string &b);

// Asks for a user and a password.
Response password_response(const std::string &realm, std::string_view sentence);

// Lets in who has the password of an element, and whom the application knows: it is asked by
// the element's signal "authenticate", in a thread of GStreamer's, and may take its time.
class Gatekeeper {
 public:
  // The answer to an Exchange::wait().
  using Decide = std::function<void(std::uint64_t number, Verdict verdict)>;

  Gatekeeper(GstElement *element, ElementNotices &notices, Decide decide)
      : element_{element}, notices_{notices}, decide_{std::move(decide)}
  {
  }

  // boolean authenticate (string mount, string user, string password, string peer)
  static void add_signal(gpointer klass);
  // Whether the application is asked.
  bool asks_application() const;

  // In the front end's thread. With an empty password nobody has it.
  Verdict judge(Exchange &exchange, const Credentials &wanted, const std::string &mount);

 private:
  GstElement *element_;
  ElementNotices &notices_;
  Decide decide_;
};

}  // namespace kam::http
