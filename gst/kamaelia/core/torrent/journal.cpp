// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/torrent/journal.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace kam::torrent {

namespace {

constexpr std::string_view magic = "KAMTORR1";
constexpr std::size_t boot_size = 36;
constexpr std::size_t hash_size = 64;
constexpr std::size_t boot_offset = Journal::closed_offset + 1;

// FNV-1a.
constexpr std::uint64_t hash_basis = 0xcbf29ce484222325;
std::uint64_t hash(Bytes bytes, std::uint64_t start = hash_basis)
{
  for (const auto b : bytes)
    start = (start ^ std::to_integer<std::uint64_t>(b)) * 0x100000001b3;
  return start;
}

template <class Number>
auto little_endian(Number number)
{
  std::array<std::byte, sizeof(Number)> bytes{};
  for (auto &b : bytes) {
    b = static_cast<std::byte>(number & 0xffU);
    number = static_cast<Number>(number >> 8U);
  }
  return bytes;
}

void append(ByteVector &to, Bytes bytes)
{
  to.insert(to.end(), bytes.begin(), bytes.end());
}

void append_padded(ByteVector &to, const std::string &text, std::size_t size)
{
  append(to, as_bytes(std::string_view{text}.substr(0, size)));
  to.resize(to.size() + size - std::min(size, text.size()));
}

bool are_equal(Bytes a, Bytes b)
{
  return std::ranges::equal(a, b);
}

}  // namespace

Journal::Journal(const JournalHead &head)
    : piece_count_{std::min(head.piece_count, most_pieces)}
{
  append(head_, as_bytes(magic));
  head_.push_back(std::byte{0});
  append_padded(head_, head.boot, boot_size);
  append_padded(head_, head.info_hash, hash_size);
  const auto path = std::string_view{head.save_path}.substr(0, longest_path);
  append(head_, little_endian(static_cast<std::uint16_t>(path.size())));
  append(head_, as_bytes(path));
  append(head_, little_endian(piece_count_));
  // Not of the boot: a file that was closed counts in the next one too.
  seal_ = hash(Bytes{head_}.subspan(boot_offset + boot_size));
  append(head_, little_endian(seal_));
}

ByteVector Journal::blank() const
{
  auto file = head_;
  file.resize(mark_offset(piece_count_));
  return file;
}

std::array<std::byte, 4> Journal::mark_bytes(std::uint32_t piece) const
{
  const auto mixed = hash(little_endian(piece), seal_);
  return little_endian(static_cast<std::uint32_t>(mixed >> 32U) | 1U);
}

std::optional<std::vector<bool>> Journal::read(Bytes file) const
{
  if (file.size() != mark_offset(piece_count_) ||
      !are_equal(file.first(closed_offset), Bytes{head_}.first(closed_offset)))
    return std::nullopt;
  const auto behind_boot = boot_offset + boot_size;
  if (!are_equal(file.subspan(behind_boot, head_.size() - behind_boot),
                 Bytes{head_}.subspan(behind_boot)))
    return std::nullopt;
  const bool is_closed = file[closed_offset] == std::byte{1};
  const bool is_this_boot = are_equal(file.subspan(boot_offset, boot_size),
                                      Bytes{head_}.subspan(boot_offset, boot_size));
  if (!is_closed && !is_this_boot)
    return std::nullopt;
  std::vector<bool> pieces(piece_count_);
  for (std::uint32_t piece = 0; piece < piece_count_; ++piece)
    pieces[piece] = are_equal(file.subspan(mark_offset(piece), 4), mark_bytes(piece));
  return pieces;
}

}  // namespace kam::torrent
