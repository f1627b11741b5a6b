// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/http/response_head.hpp"
#include "elements/http/radio/radiooptions.hpp"
#include "glue/refs.hpp"

#include <libsoup/soup.h>

#include <string>

namespace kam::http {

// Says what is asked, and who asks: secrets of the user's to the host of the address that the
// user gave, and cookies and answers to challenges to those who gave or wanted them.
class RadioRequester {
 public:
  RadioRequester();

  // What follows belongs to this address, wherever it is redirected to.
  void begin(GUri *uri);
  // The header of a request.
  HeaderLines fields(GUri *uri, const RadioOptions &options, bool through_proxy) const;
  // What a response says about the next one. False if a challenge cannot be answered.
  bool answer_challenge(GUri *uri, const ResponseHead &head, const RadioOptions &options);
  void take_cookies(GUri *uri, const ResponseHead &head);

 private:
  bool is_at_home(GUri *uri) const;
  void identify(HeaderLines &fields, GUri *uri, const RadioOptions &options,
                bool through_proxy) const;

  glue::Ref<SoupCookieJar> cookies_;
  glue::Ref<SoupAuth> auth_;
  std::string auth_origin_;  // to whom the answer of `auth_` goes
  std::string home_;         // the origin of the first address
};

}  // namespace kam::http
