// SPDX-License-Identifier: LGPL-2.1-or-later
// Unescaping undoes escaping, does not care how its input is cut, and never grows it.
#include "core/framing/escape.hpp"
#include "fuzz_support.hpp"

#include <array>

using namespace kam;
using namespace kam::framing;

namespace {

ByteVector unescaped(const Sync &sync, Bytes input, std::size_t piece_size)
{
  ByteVector out(input.size() + 2);
  Unescaper unescaper{sync};
  std::size_t size = 0;
  for (const auto piece : fuzz::pieces(input, piece_size))
    size += unescaper.decode(piece, MutableBytes{out}.subspan(size));
  for (const auto byte : unescaper.finish())
    out[size++] = byte;
  fuzz::require(size <= input.size());
  out.resize(size);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  static const std::array syncs{Sync::standard(), *Sync::from(as_bytes("--=BOUNDARY=--")),
                                *Sync::from(as_bytes("\n")), *Sync::from(as_bytes("%25x"))};
  if (size < 2)
    return 0;
  const auto &sync = syncs[data[0] % syncs.size()];
  const auto input = std::as_bytes(std::span{data + 2, size - 2});
  fuzz::require(unescaped(sync, input, input.size()) ==
                unescaped(sync, input, fuzz::piece_size(data[1], input.size())));

  const auto special = count_special(sync, input);
  ByteVector wire(input.size() + 2 * special + escape_slack);
  wire.resize(escape(sync, input, wire));
  fuzz::require(wire.size() == input.size() + 2 * special);
  const auto back = unescaped(sync, wire, fuzz::piece_size(data[1], input.size()));
  fuzz::require(std::equal(back.begin(), back.end(), input.begin(), input.end()));
  return 0;
}
