// SPDX-License-Identifier: LGPL-2.1-or-later
// Whatever a crash, or somebody, has left in the place of a journal: a piece counts as there
// only if exactly that was written.
#include "core/torrent/journal.hpp"
#include "fuzz_support.hpp"

#include <algorithm>

using namespace kam;
using namespace kam::torrent;

namespace {

constexpr std::uint32_t pieces = 40;

Journal sample()
{
  return Journal{{.boot = "0f1e2d3c-0000-4000-8000-00000000beef",
                  .info_hash = "0123456789abcdef0123456789abcdef01234567",
                  .save_path = "/home/user/films",
                  .piece_count = pieces}};
}

}  // namespace

// The first byte says what the rest is: a whole file, or changes to one that was written.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  if (size < 1)
    return 0;
  const auto journal = sample();
  auto file = journal.blank();
  if ((data[0] & 1U) != 0) {
    const auto bytes = std::as_bytes(std::span{data + 1, size - 1});
    file.assign(bytes.begin(), bytes.end());
  } else {
    for (std::uint32_t piece = 0; piece < pieces; piece += 1U + (data[0] >> 5U))
      std::ranges::copy(journal.mark_bytes(piece),
                        file.begin() + static_cast<std::ptrdiff_t>(journal.mark_offset(piece)));
    for (std::size_t i = 1; i + 1 < size; i += 2)
      file[(data[i] * std::size_t{7}) % file.size()] ^= static_cast<std::byte>(data[i + 1]);
  }
  const auto read = journal.read(file);
  if (!read)
    return 0;
  fuzz::require(read->size() == pieces);
  for (std::uint32_t piece = 0; piece < pieces; ++piece) {
    const auto mark = journal.mark_bytes(piece);
    const auto at = journal.mark_offset(piece);
    const bool is_written =
        at + mark.size() <= file.size() &&
        std::equal(mark.begin(), mark.end(), file.begin() + static_cast<std::ptrdiff_t>(at));
    fuzz::require((*read)[piece] == is_written);
  }
  return 0;
}
