// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/framing/escape.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>

#include <bit>
#endif

namespace kam::framing {
namespace {

constexpr std::byte percent{'%'};

std::byte hex_digit(unsigned nibble)
{
  static constexpr std::string_view digits = "0123456789abcdef";
  return static_cast<std::byte>(digits[nibble]);
}

int hex_value(std::byte digit)
{
  const auto c = std::to_integer<int>(digit);
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return -1;
}

bool may_stand_in_escaped_data(std::byte byte)
{
  return byte == percent || hex_value(byte) >= 0;
}

std::byte *put_escape(std::byte byte, std::byte *out)
{
  const auto value = std::to_integer<unsigned>(byte);
  *out++ = percent;
  *out++ = hex_digit(value >> 4U);
  *out++ = hex_digit(value & 0xFU);
  return out;
}

#ifdef __SSE2__
constexpr std::size_t block_size = 16;
static_assert(block_size <= escape_slack);

__m128i load(const std::byte *from)
{
  return _mm_loadu_si128(reinterpret_cast<const __m128i *>(from));
}

void store(__m128i block, std::byte *to)
{
  _mm_storeu_si128(reinterpret_cast<__m128i *>(to), block);
}

// All bits of each of sixteen bytes: whether it has to be escaped.
__m128i special_bytes(__m128i block, __m128i sync_byte)
{
  const auto percents = _mm_cmpeq_epi8(block, _mm_set1_epi8('%'));
  return _mm_or_si128(percents, _mm_cmpeq_epi8(block, sync_byte));
}

__m128i splat(std::byte byte)
{
  return _mm_set1_epi8(static_cast<char>(byte));
}

// The whole blocks at the front of `data`, of which it returns the count. Sixteen counters of
// a byte each are added up before they can overflow.
std::size_t count_special_blocks(std::byte sync_byte, Bytes &data)
{
  constexpr std::size_t most_at_once = 255;
  const auto sync_bytes = splat(sync_byte);
  std::size_t count = 0;
  while (data.size() >= block_size) {
    const auto blocks = std::min(data.size() / block_size, most_at_once);
    auto counters = _mm_setzero_si128();
    const auto *const end = data.data() + blocks * block_size;
    for (const auto *at = data.data(); at != end; at += block_size)
      counters = _mm_sub_epi8(counters, special_bytes(load(at), sync_bytes));
    const auto sums = _mm_sad_epu8(counters, _mm_setzero_si128());
    count += static_cast<std::size_t>(_mm_cvtsi128_si64(sums) +
                                      _mm_cvtsi128_si64(_mm_unpackhi_epi64(sums, sums)));
    data = data.subspan(blocks * block_size);
  }
  return count;
}

// Escapes from the front of `data` while a whole block is left. Every block is copied before
// it is known how much of it may stay: that is what the slack is for.
std::byte *escape_blocks(std::byte sync_byte, Bytes &data, std::byte *out)
{
  const auto sync_bytes = splat(sync_byte);
  const auto *at = data.data();
  const auto *const end = at + data.size();
  while (end - at >= std::ptrdiff_t{block_size}) {
    const auto block = load(at);
    store(block, out);
    const auto bits =
        static_cast<unsigned>(_mm_movemask_epi8(special_bytes(block, sync_bytes)));
    if (bits == 0) {
      out += block_size;
      at += block_size;
      continue;
    }
    const auto plain = std::countr_zero(bits);
    out = put_escape(at[plain], out + plain);
    at += plain + 1;
  }
  data = {at, end};
  return out;
}

#else
std::size_t count_special_blocks(std::byte, Bytes &)
{
  return 0;
}

std::byte *escape_blocks(std::byte, Bytes &, std::byte *out)
{
  return out;
}
#endif

// Copies from the front of `data` up to the first `%`.
std::byte *copy_plain(Bytes &data, std::byte *out)
{
  const auto *const found =
      static_cast<const std::byte *>(std::memchr(data.data(), '%', data.size()));
  const auto plain = found ? static_cast<std::size_t>(found - data.data()) : data.size();
  std::memcpy(out, data.data(), plain);
  data = data.subspan(plain);
  return out + plain;
}

// What the escape that `bytes` begins with stands for: three bytes are looked at.
std::optional<std::byte> escaped_byte(const Sync &sync, const std::byte *bytes)
{
  const auto high = hex_value(bytes[1]);
  const auto low = hex_value(bytes[2]);
  if (high < 0 || low < 0)
    return std::nullopt;
  const auto byte = static_cast<std::byte>(high * 16 + low);
  if (!sync.is_special(byte))
    return std::nullopt;
  return byte;
}

}  // namespace

Sync::Sync(Bytes bytes) : bytes_{bytes.begin(), bytes.end()}
{
  for (const auto byte : bytes_)
    special_[std::to_integer<unsigned>(byte)] = true;
  special_[std::to_integer<unsigned>(percent)] = true;
  if (std::all_of(bytes_.begin(), bytes_.end(),
                  [this](std::byte byte) { return byte == bytes_.front(); }))
    only_special_ = bytes_.front();
}

Sync Sync::standard()
{
  return Sync{as_bytes("XXXXXXXXXXXXXXXXXXXXXXXX")};
}

std::optional<Sync> Sync::from(Bytes bytes)
{
  if (bytes.size() > max_size ||
      std::all_of(bytes.begin(), bytes.end(), may_stand_in_escaped_data))
    return std::nullopt;
  return Sync{bytes};
}

std::size_t count_special(const Sync &sync, Bytes data)
{
  std::size_t count = 0;
  if (const auto sync_byte = sync.only_special())
    count = count_special_blocks(*sync_byte, data);
  const auto is_special = [&sync](std::byte byte) { return sync.is_special(byte); };
  return count + static_cast<std::size_t>(std::count_if(data.begin(), data.end(), is_special));
}

std::size_t escape(const Sync &sync, Bytes data, MutableBytes out)
{
  auto *to = out.data();
  if (const auto sync_byte = sync.only_special())
    to = escape_blocks(*sync_byte, data, to);
  for (const auto byte : data) {
    if (sync.is_special(byte))
      to = put_escape(byte, to);
    else
      *to++ = byte;
  }
  const auto size = static_cast<std::size_t>(to - out.data());
  assert(size <= out.size());
  return size;
}

std::size_t Unescaper::decode(Bytes piece, MutableBytes out)
{
  auto *to = out.data();
  // An escape that an earlier piece began: three bytes at most, so one by one.
  while (pending_size_ > 0 && !piece.empty()) {
    if (pending_size_ == 1) {
      pending_[pending_size_++] = piece.front();
      piece = piece.subspan(1);
      continue;
    }
    const std::array whole{pending_[0], pending_[1], piece.front()};
    if (const auto byte = escaped_byte(*sync_, whole.data())) {
      *to++ = *byte;
      pending_size_ = 0;
      piece = piece.subspan(1);
    } else {
      // Only the `%` is certain to be data; the byte after it may begin an escape itself.
      *to++ = pending_[0];
      pending_[0] = pending_[1];
      pending_size_ = 1;
      if (pending_[0] != percent) {
        *to++ = pending_[0];
        pending_size_ = 0;
      }
    }
  }
  while (!piece.empty()) {
    to = copy_plain(piece, to);
    if (piece.empty())
      break;
    if (piece.size() < 3) {
      std::copy(piece.begin(), piece.end(), pending_.begin());
      pending_size_ = piece.size();
      break;
    }
    if (const auto byte = escaped_byte(*sync_, piece.data())) {
      *to++ = *byte;
      piece = piece.subspan(3);
    } else {
      *to++ = percent;
      piece = piece.subspan(1);
    }
  }
  assert(to <= out.data() + out.size());
  return static_cast<std::size_t>(to - out.data());
}

Bytes Unescaper::finish()
{
  const auto size = pending_size_;
  pending_size_ = 0;
  return Bytes{pending_}.first(size);
}

}  // namespace kam::framing
