// SPDX-License-Identifier: LGPL-2.1-or-later
// Whatever lies in a folder of databases: what is read stays inside the limits, is text, and is
// of the file. The input is the size of the index (a byte), the index, and the text.
#include "core/cookie/jar.hpp"
#include "core/utf8.hpp"
#include "fuzz_support.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <variant>

using namespace kam;
using namespace kam::cookie;

namespace {

constexpr FortuneLimits limits{
    .max_text_size = 4096, .max_cookies = 16, .max_cookie_size = 200};

void check(const FortuneFile &file, Bytes text, const std::optional<FortuneIndex> &index)
{
  fuzz::require(file.size() > 0 && file.size() <= limits.max_cookies);
  for (std::size_t i = 0; i < file.size(); ++i) {
    const auto cookie = file[i];
    fuzz::require(!cookie.empty() && cookie.size() <= limits.max_cookie_size);
    fuzz::require(is_utf8(cookie) && cookie.find("\r\n") == std::string_view::npos);
    // What has been decoded is not there as it came out, nor what has lost comments or CRs.
    if (index || !is_utf8(as_text(text)) || std::ranges::count(text, std::byte{'\r'}) > 0)
      continue;
    fuzz::require(as_text(text).find(cookie) != std::string_view::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  if (size < 1)
    return 0;
  const auto input = std::as_bytes(std::span{data + 1, size - 1});
  const auto index_size = std::min<std::size_t>(data[0], input.size());
  const auto index = input.first(index_size);
  const auto text = input.subspan(index_size);
  (void)looks_like_fortunes(text);
  auto result = FortuneFile::read(text, index, limits);
  auto *const file = std::get_if<FortuneFile>(&result);
  if (!file) {
    fuzz::require(std::get<FortuneFault>(result) != FortuneFault::too_large ||
                  text.size() > limits.max_text_size);
    return 0;
  }
  check(*file, text, parse_fortune_index(index));
  const auto count = file->size();
  const Jar jar{{{"file", std::make_shared<const FortuneFile>(std::move(*file))}},
                {.max_length = 20, .line_end = LineEnd::crlf}};
  fuzz::require(jar.size() <= count);
  for (std::size_t i = 0; i < jar.size(); ++i)
    fuzz::require(with_line_ends(jar[i].text, LineEnd::crlf).size() <= 20);
  return 0;
}
