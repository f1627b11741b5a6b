// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/swarm/piecedigest.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace kam::torrent {

namespace {

template <class Digest, class Hash>
Digest digest_of(const Hash &hash)
{
  Digest digest{};
  static_assert(sizeof(hash) == sizeof(digest));
  std::memcpy(digest.data(), hash.data(), digest.size());
  return digest;
}

lt::span<const char> span_of(Bytes bytes)
{
  const auto text = as_text(bytes);
  return {text.data(), static_cast<lt::span<const char>::difference_type>(text.size())};
}

// With as many zeros behind the leaves as make them `width`.
Sha256 tree_root(std::vector<Sha256> leaves, std::size_t width)
{
  leaves.resize(width);
  for (; leaves.size() > 1; leaves.resize(leaves.size() / 2))
    for (std::size_t i = 0; i < leaves.size(); i += 2) {
      lt::hasher256 hasher;
      hasher.update(leaves[i].data(), static_cast<int>(leaves[i].size()));
      hasher.update(leaves[i + 1].data(), static_cast<int>(leaves[i + 1].size()));
      leaves[i / 2] = digest_of<Sha256>(hasher.final());
    }
  return leaves.front();
}

}  // namespace

void PieceDigest::add(Bytes bytes, Format format)
{
  if (format != Format::v2)
    sha1_.update(span_of(bytes));
  if (format != Format::v1)
    add_leaves(bytes);
  is_empty_ = is_empty_ && bytes.empty();
}

Sha1 PieceDigest::v1() const
{
  auto hasher = sha1_;
  return digest_of<Sha1>(hasher.final());
}

Sha256 PieceDigest::v2(std::size_t width) const
{
  auto leaves = leaves_;
  if (leaf_bytes_ > 0) {
    auto hasher = sha256_;
    leaves.push_back(digest_of<Sha256>(hasher.final()));
  }
  const auto needed = std::bit_ceil(leaves.size());
  return tree_root(std::move(leaves), std::max(width, needed));
}

void PieceDigest::add_leaves(Bytes bytes)
{
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(bytes.size(), leaf_size - leaf_bytes_));
    sha256_.update(span_of(part));
    leaf_bytes_ += part.size();
    bytes = bytes.subspan(part.size());
    if (leaf_bytes_ < leaf_size)
      continue;
    leaves_.push_back(digest_of<Sha256>(sha256_.final()));
    sha256_ = {};
    leaf_bytes_ = 0;
  }
}

}  // namespace kam::torrent
