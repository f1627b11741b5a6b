// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/radio/radiorequester.hpp"

#include "core/utf8.hpp"
#include "elements/http/radio/radioaddress.hpp"

#include <cstring>

namespace kam::http {
namespace {

using glue::Ref;
using glue::StringPtr;

// What the user wrote cannot end a line of the request.
std::string one_line(std::string text)
{
  std::erase_if(text, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
  return text;
}

std::string basic(const std::string &user, const std::string &password)
{
  const auto pair = user + ":" + password;
  const StringPtr encoded{
      g_base64_encode(reinterpret_cast<const guchar *>(pair.data()), pair.size())};
  return std::string{"Basic "} + encoded.get();
}

}  // namespace

RadioRequester::RadioRequester() : cookies_{Ref<SoupCookieJar>::adopt(soup_cookie_jar_new())} {}

void RadioRequester::begin(GUri *uri)
{
  home_ = origin_of(uri);
}

bool RadioRequester::is_at_home(GUri *uri) const
{
  return origin_of(uri) == home_;
}

// Who we are, for those who have a right to know.
void RadioRequester::identify(HeaderLines &fields, GUri *uri, const RadioOptions &options,
                              bool through_proxy) const
{
  const auto add = [&fields](const char *name, std::string value) {
    fields.emplace_back(name, one_line(std::move(value)));
  };
  if (auth_ && auth_origin_ == origin_of(uri)) {
    const auto message = Ref<SoupMessage>::adopt(soup_message_new_from_uri("GET", uri));
    if (const StringPtr answer{soup_auth_get_authorization(auth_.get(), message.get())})
      add("Authorization", answer.get());
  }
  if (through_proxy && !options.proxy_id.empty())
    add("Proxy-Authorization", basic(options.proxy_id, options.proxy_password));
  const StringPtr from_jar{soup_cookie_jar_get_cookies(cookies_.get(), uri, TRUE)};
  std::string cookies = from_jar ? from_jar.get() : "";
  if (is_at_home(uri))
    for (const auto &cookie : options.cookies)
      cookies.append(cookies.empty() ? "" : "; ").append(cookie);
  if (!cookies.empty())
    add("Cookie", cookies);
}

HeaderLines RadioRequester::fields(GUri *uri, const RadioOptions &options,
                                   bool through_proxy) const
{
  HeaderLines fields = {{"Host", host_and_port(uri)},
                        {"Accept", "*/*"},
                        {"Accept-Encoding", "identity"},
                        {"Connection", "close"}};
  if (!options.user_agent.empty())
    fields.emplace_back("User-Agent", one_line(options.user_agent));
  if (options.ask_for_titles)
    fields.emplace_back("Icy-MetaData", "1");
  identify(fields, uri, options, through_proxy);
  for (const auto &[name, value] : options.extra_headers) {
    const bool secret = g_ascii_strcasecmp(name.c_str(), "authorization") == 0 ||
                        g_ascii_strcasecmp(name.c_str(), "cookie") == 0;
    if (is_at_home(uri) || !secret)
      fields.emplace_back(one_line(name), one_line(value));
  }
  return fields;
}

bool RadioRequester::answer_challenge(GUri *uri, const ResponseHead &head,
                                      const RadioOptions &options)
{
  std::string user{g_uri_get_user(uri) ? g_uri_get_user(uri) : ""};
  std::string password{g_uri_get_password(uri) ? g_uri_get_password(uri) : ""};
  if (user.empty() && is_at_home(uri)) {
    user = options.user_id;
    password = options.user_password;
  }
  if (user.empty())
    return false;
  const auto message = Ref<SoupMessage>::adopt(soup_message_new_from_uri("GET", uri));
  for (const auto &[scheme, type] :
       {std::pair{"Digest", SOUP_TYPE_AUTH_DIGEST}, std::pair{"Basic", SOUP_TYPE_AUTH_BASIC}}) {
    for (const auto &field : head.fields) {
      if (field.key != "www-authenticate" ||
          g_ascii_strncasecmp(field.value.c_str(), scheme, std::strlen(scheme)) != 0 ||
          !is_utf8(field.value))
        continue;
      auth_ = Ref<SoupAuth>::adopt(soup_auth_new(type, message.get(), field.value.c_str()));
      if (!auth_)
        continue;
      soup_auth_authenticate(auth_.get(), user.c_str(), password.c_str());
      auth_origin_ = origin_of(uri);
      return true;
    }
  }
  return false;
}

void RadioRequester::take_cookies(GUri *uri, const ResponseHead &head)
{
  for (const auto &field : head.fields)
    if (field.key == "set-cookie" && is_utf8(field.value))
      soup_cookie_jar_set_cookie(cookies_.get(), uri, field.value.c_str());
}

}  // namespace kam::http
