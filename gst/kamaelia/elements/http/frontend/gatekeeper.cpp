// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/frontend/gatekeeper.hpp"

#include "glue/refs.hpp"

#include <algorithm>

namespace kam::http {
namespace {

constexpr auto signal_name = "authenticate";

}  // namespace

std::optional<Credentials> credentials_of(const RequestHead &request)
{
  constexpr std::string_view scheme = "basic ";
  const auto *field = request.find("authorization");
  if (!field || field->size() < scheme.size() ||
      g_ascii_strncasecmp(field->c_str(), scheme.data(), scheme.size()) != 0)
    return std::nullopt;
  gsize size = 0;
  const glue::StringPtr decoded{
      reinterpret_cast<char *>(g_base64_decode(field->c_str() + scheme.size(), &size))};
  const std::string text{decoded.get(), size};
  const auto colon = text.find(':');
  if (colon == std::string::npos)
    return std::nullopt;
  return Credentials{text.substr(0, colon), text.substr(colon + 1)};
}

bool are_equal(const std::string &a, const std::string &b)
{
  const auto hash = [](const std::string &text) {
    return glue::StringPtr{g_compute_checksum_for_string(G_CHECKSUM_SHA256, text.c_str(),
                                                         static_cast<gssize>(text.size()))};
  };
  const auto hash_a = hash(a);
  const auto hash_b = hash(b);
  unsigned difference = 0;
  for (std::size_t i = 0; hash_a.get()[i] != '\0'; ++i)
    difference |= static_cast<unsigned>(hash_a.get()[i] ^ hash_b.get()[i]);
  return difference == 0;
}

Response password_response(const std::string &realm, std::string_view sentence)
{
  auto quotable = realm;
  std::ranges::replace(quotable, '"', '\'');
  auto response = error_response(401, sentence);
  response.fields.emplace_back("WWW-Authenticate",
                               R"(Basic realm=")" + quotable + R"(", charset="UTF-8")");
  return response;
}

void Gatekeeper::add_signal(gpointer klass)
{
  g_signal_new(signal_name, G_TYPE_FROM_CLASS(klass), G_SIGNAL_RUN_LAST, 0, nullptr, nullptr,
               nullptr, G_TYPE_BOOLEAN, 4, G_TYPE_STRING, G_TYPE_STRING, G_TYPE_STRING,
               G_TYPE_STRING);
}

bool Gatekeeper::asks_application() const
{
  const auto signal = g_signal_lookup(signal_name, G_OBJECT_TYPE(element_));
  return g_signal_has_handler_pending(element_, signal, 0, FALSE) == TRUE;
}

Verdict Gatekeeper::judge(Exchange &exchange, const Credentials &wanted,
                          const std::string &mount)
{
  const auto given = credentials_of(exchange.request());
  if (!given)
    return Verdict::refused;
  const bool is_user = are_equal(given->user, wanted.user);
  const bool is_password = are_equal(given->password, wanted.password);
  if (!wanted.password.empty() && is_user && is_password)
    return Verdict::granted;
  if (!asks_application())
    return Verdict::refused;
  notices_.post(
      [this, number = exchange.wait(), given = *given, mount, peer = exchange.peer().text()] {
        gboolean is_granted = FALSE;
        g_signal_emit_by_name(element_, signal_name, mount.c_str(), given.user.c_str(),
                              given.password.c_str(), peer.c_str(), &is_granted);
        decide_(number, is_granted ? Verdict::granted : Verdict::refused);
      });
  return Verdict::none;
}

}  // namespace kam::http
