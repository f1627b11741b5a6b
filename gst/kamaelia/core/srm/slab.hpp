// SPDX-License-Identifier: LGPL-2.1-or-later
// Memory that a core and others hold together, from any thread, and that the core takes back
// for the next block when it is the only one left.
#pragma once

#include "core/raw_memory.hpp"

#include <atomic>
#include <cstddef>
#include <utility>
#include <vector>

namespace kam::srm {

class Slab {
 public:
  explicit Slab(std::size_t size) : bytes_{size}, size_{size} {}
  std::byte *data() { return bytes_.get(); }
  std::size_t size() const { return size_; }

 private:
  friend class SlabRef;
  std::atomic<unsigned> shares_ = 1;
  RawMemory bytes_;
  std::size_t size_;
};

// A share of a slab.
class SlabRef {
 public:
  SlabRef() = default;
  static SlabRef make(std::size_t size) { return SlabRef{new Slab{size}}; }
  SlabRef(const SlabRef &other) : slab_{other.slab_}
  {
    if (slab_)
      slab_->shares_.fetch_add(1, std::memory_order_relaxed);
  }
  SlabRef(SlabRef &&other) noexcept : slab_{std::exchange(other.slab_, nullptr)} {}
  SlabRef &operator=(SlabRef other) noexcept
  {
    std::swap(slab_, other.slab_);
    return *this;
  }
  ~SlabRef()
  {
    // The analyser takes the count for one that any share may bring to nothing.
    if (slab_ && slab_->shares_.fetch_sub(1, std::memory_order_acq_rel) == 1)
      delete slab_;  // NOLINT(clang-analyzer-cplusplus.NewDelete)
  }

  explicit operator bool() const { return slab_ != nullptr; }
  Slab *operator->() const { return slab_; }
  // Nobody else can see the bytes.
  bool is_only() const { return slab_->shares_.load(std::memory_order_acquire) == 1; }

 private:
  explicit SlabRef(Slab *slab) : slab_{slab} {}
  Slab *slab_ = nullptr;
};

// Slabs of one size that are used again once everyone else has let go of them.
class SlabPool {
 public:
  explicit SlabPool(std::size_t size, std::size_t max_idle = 64)
      : size_{size}, max_idle_{max_idle}
  {
  }
  SlabRef take()
  {
    for (auto &slab : idle_) {
      if (slab.is_only()) {
        std::swap(slab, idle_.back());
        auto taken = std::move(idle_.back());
        idle_.pop_back();
        return taken;
      }
    }
    return SlabRef::make(size_);
  }
  // The caller's share; others may still have theirs.
  void give_back(SlabRef slab)
  {
    if (idle_.size() < max_idle_)
      idle_.push_back(std::move(slab));
  }

 private:
  std::size_t size_;
  std::size_t max_idle_;
  std::vector<SlabRef> idle_;
};

}  // namespace kam::srm
