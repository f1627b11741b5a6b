// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/client/fetchpool.hpp"

#include "elements/http/client/responsemeta.hpp"
#include "glue/bytes.hpp"

#include <algorithm>
#include <string>
#include <system_error>
#include <utility>

namespace kam {
namespace {

constexpr std::size_t block_size = std::size_t{64} << 10U;
constexpr guint first_failing_status = 400;

}  // namespace

void FetchPool::ensure_workers(std::size_t wanted)
{
  while (workers_.size() < std::min(wanted, options_.max_workers)) {
    try {
      workers_.emplace_back([this] { work(); });
    } catch (const std::system_error &) {
      if (workers_.empty())
        throw;
      return;
    }
  }
}

void FetchPool::stop()
{
  for (auto &worker : workers_)
    worker.join();
  workers_.clear();
}

void FetchPool::work()
{
  Fetcher fetcher{options_.fetch};
  while (const auto job = queue_.take()) {
    answer(fetcher, *job);
    queue_.finish(*job);
  }
}

void FetchPool::answer(Fetcher &fetcher, Job &job)
{
  bool whole = fetcher.open(job.request, job.cancellable());
  job.response = fetcher.response();
  if (whole && job.response.status >= first_failing_status) {
    job.response.error =
        "the server says " + std::to_string(job.response.status) + " " + job.response.reason;
    whole = false;
  } else if (whole) {
    whole = options_.in_chunks ? forward_chunks(fetcher, job) : collect_body(fetcher, job);
  }
  fetcher.close(job.cancellable());
  if (whole)
    return;
  job.failed = true;
  if (queue_.is_expired(job))
    job.response.error = "it takes too long";
  // What has begun has to end, whatever the policy says.
  const bool begun = options_.in_chunks && job.body_size > 0;
  if (options_.empty_for_failed || begun) {
    glue::BufferPtr end{gst_buffer_new()};
    GST_BUFFER_FLAG_SET(end.get(), GST_BUFFER_FLAG_MARKER | GST_BUFFER_FLAG_CORRUPTED);
    deliver(job, std::move(end), true);
  }
}

// Memory is taken for what has come, not for what was declared.
bool FetchPool::collect_body(Fetcher &fetcher, Job &job)
{
  ByteVector body;
  std::size_t size = 0;
  for (;;) {
    if (size == body.size())
      body.resize(
          std::min<std::size_t>(std::max(block_size, 2 * size), options_.max_body_size + 1));
    const auto got = fetcher.read(MutableBytes{body}.subspan(size), job.cancellable());
    if (got < 0) {
      job.response.error = fetcher.response().error;
      return false;
    }
    if (got == 0)
      break;
    size += static_cast<std::size_t>(got);
    if (size > options_.max_body_size) {
      job.response.error = "its body is larger than max-body-size";
      return false;
    }
  }
  body.resize(size);
  job.body_size = size;
  auto buffer = glue::wrap(std::move(body));
  GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_MARKER);
  return deliver(job, std::move(buffer), true);
}

bool FetchPool::forward_chunks(Fetcher &fetcher, Job &job)
{
  for (;;) {
    auto buffer = glue::allocate(block_size);
    gssize got = 0;
    {
      const glue::WriteMap map{buffer.get()};
      got = fetcher.read(map.bytes(), job.cancellable());
    }
    if (got < 0) {
      job.response.error = fetcher.response().error;
      return false;
    }
    gst_buffer_set_size(buffer.get(), got);
    const bool first = job.body_size == 0;
    GST_BUFFER_OFFSET(buffer.get()) = job.body_size;
    job.body_size += static_cast<guint64>(got);
    GST_BUFFER_OFFSET_END(buffer.get()) = job.body_size;
    if (first)
      GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_DISCONT);
    if (got == 0)
      GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_MARKER);
    if (!deliver(job, std::move(buffer), first || got == 0) || got == 0)
      return got == 0;
  }
}

bool FetchPool::deliver(Job &job, glue::BufferPtr buffer, bool with_meta)
{
  GST_BUFFER_PTS(buffer.get()) = job.pts;
  GST_BUFFER_DTS(buffer.get()) = job.dts;
  if (with_meta)
    add_response_meta(buffer.get(), job);
  return queue_.deliver(job, std::move(buffer));
}

}  // namespace kam
