// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/http/request_body.hpp"

#include <algorithm>

namespace kam::http {

RequestBody::RequestBody(const RequestHead &head, std::uint64_t max_size)
    : is_chunked_{head.is_chunked}, left_{head.content_length}, max_size_{max_size}
{
  if (is_chunked_ || left_ > 0)
    state_ = State::reading;
  if (max_size_ > 0 && left_ > max_size_)
    state_ = State::too_large;
}

RequestBody::Taken RequestBody::feed(MutableBytes input)
{
  if (state_ != State::reading)
    return {};
  Taken taken;
  if (is_chunked_) {
    taken.data = chunks_.decode(input);
    taken.used = chunks_.used();
    if (chunks_.broken())
      state_ = State::malformed;
    else if (chunks_.finished())
      state_ = State::complete;
  } else {
    taken.used = taken.data =
        static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
    left_ -= taken.used;
    if (left_ == 0)
      state_ = State::complete;
  }
  size_ += taken.data;
  if (max_size_ > 0 && size_ > max_size_) {
    state_ = State::too_large;
    taken.data = 0;
  }
  return taken;
}

}  // namespace kam::http
