// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/bytes.hpp"
#include "net/file_descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace kam::net {

// Bytes both ways over a descriptor, without blocking: a socket's own, or what a layer above it
// (TLS) makes of them. Its use is one thread's.
class Stream {
 public:
  enum class Status {
    done,     // so many bytes went, at least one
    blocked,  // none for now
    ended,    // reading: the peer sends no more
    failed,   // `error` says why; there is no use in going on
  };
  struct Result {
    Status status = Status::blocked;
    std::size_t bytes = 0;
    int error = 0;  // an errno
  };

  virtual ~Stream() = default;
  Stream(const Stream &) = delete;
  Stream &operator=(const Stream &) = delete;

  virtual Result read(std::span<std::byte> into) = 0;
  // What was not taken is to be offered again, with or without more behind it.
  virtual Result write(Bytes bytes) = 0;
  // The same for bytes in several pieces.
  virtual Result write(std::span<const Bytes> pieces) { return write(pieces.front()); }
  // Writes so much of an open file, or less. `ended`: the file has no more.
  virtual Result send_file(int file, std::uint64_t offset, std::size_t size);
  // Says that nothing more will be written. False if the peer cannot be told any more.
  virtual bool end_writing() = 0;
  // Whether bytes may wait in here that the descriptor does not tell of.
  virtual bool keeps_bytes() const { return false; }
  // To wait for; the owner's own.
  virtual int fd() const = 0;

 protected:
  Stream() = default;
};

// A connected TCP socket that does not block.
class SocketStream final : public Stream {
 public:
  explicit SocketStream(FileDescriptor socket) : socket_{std::move(socket)} {}

  Result read(std::span<std::byte> into) override;
  Result write(Bytes bytes) override;
  Result write(std::span<const Bytes> pieces) override;
  Result send_file(int file, std::uint64_t offset, std::size_t size) override;
  bool end_writing() override;
  int fd() const override { return socket_.get(); }

 private:
  FileDescriptor socket_;
};

}  // namespace kam::net
