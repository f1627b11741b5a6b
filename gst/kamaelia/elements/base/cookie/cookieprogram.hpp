// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/base/cookie/cookiefiles.hpp"
#include "net/file_descriptor.hpp"

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

namespace kam {

// A program that prints a cookie. It is run without a shell, with nothing to read, in a process
// group of its own, none of whose processes outlives this object.
class CookieProgram {
 public:
  enum class Progress {
    waiting,  // for more, see fd()
    finished,
    too_much,
    failed,
  };

  // A path, or a name that is looked for in PATH and where systems have their games. A fault
  // if there is no such program.
  static OrFault<std::string> find(const std::string &name);

  // `path` as found; `arguments` begin with the name. The output has `max_size` bytes at most.
  static OrFault<CookieProgram> start(const std::string &path,
                                      const std::vector<std::string> &arguments,
                                      std::size_t max_size);

  CookieProgram(CookieProgram &&other) noexcept
      : process_{std::exchange(other.process_, -1)},
        output_{std::move(other.output_)},
        max_size_{other.max_size_},
        text_{std::move(other.text_)}
  {
  }
  CookieProgram &operator=(CookieProgram other) noexcept;
  ~CookieProgram() { end(); }

  // Becomes readable when there is more to read.
  int fd() const { return output_.get(); }
  // Takes what there is, without waiting.
  Progress read();
  // What it has printed.
  const std::string &text() const { return text_; }

 private:
  CookieProgram(pid_t process, net::FileDescriptor output, std::size_t max_size)
      : process_{process}, output_{std::move(output)}, max_size_{max_size}
  {
  }
  void end();

  pid_t process_ = -1;
  net::FileDescriptor output_;
  std::size_t max_size_ = 0;
  std::string text_;
};

}  // namespace kam
