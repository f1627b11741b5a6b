// SPDX-License-Identifier: LGPL-2.1-or-later
// What NACKs and CMD(REPAIR_ADV) ask for.
#include "core/srm/codec_wire.hpp"

namespace kam::srm {

using namespace wire;

namespace {

std::optional<RepairPoint> take_point(Bytes &rest)
{
  if (rest.size() < word)
    return std::nullopt;
  const auto fec_id = known_fec(load8(rest.data()));
  if (!fec_id || rest.size() < point_size(*fec_id))
    return std::nullopt;
  const RepairPoint point{*fec_id, load16(rest.data() + 2),
                          load_payload_id(rest.data() + word, *fec_id)};
  rest = rest.subspan(point_size(*fec_id));
  return point;
}

bool parse_points(RepairForm form, std::uint8_t flags, Bytes rest,
                  std::vector<RepairRequest> &out, std::size_t limit)
{
  while (!rest.empty()) {
    if (out.size() >= limit)
      return false;
    const auto first = take_point(rest);
    const auto last = form == RepairForm::ranges && first ? take_point(rest) : first;
    if (!last)
      return false;
    out.push_back({form, flags, *first, *last});
  }
  return true;
}

}  // namespace

bool parse_repair_requests(Bytes requests, std::vector<RepairRequest> &out, std::size_t limit)
{
  out.clear();
  while (!requests.empty()) {
    if (requests.size() < request_heading_size)
      return false;
    const auto form = load8(requests.data());
    const auto flags = load8(requests.data() + 1);
    const std::size_t size = load16(requests.data() + 2);
    requests = requests.subspan(request_heading_size);
    if (form < static_cast<unsigned>(RepairForm::items) ||
        form > static_cast<unsigned>(RepairForm::erasures) || size > requests.size() ||
        !parse_points(static_cast<RepairForm>(form), flags, requests.first(size), out, limit))
      return false;
    requests = requests.subspan(size);
  }
  return true;
}

bool RepairRequestWriter::add(const RepairRequest &request)
{
  const auto is_range = request.form == RepairForm::ranges;
  const auto size = point_size(request.first.fec_id) +
                    (is_range ? point_size(request.last.fec_id) : std::size_t{0});
  const auto listed =
      bytes_.empty() ? std::size_t{0} : bytes_.size() - heading_ - request_heading_size;
  const auto joins = !bytes_.empty() && listed + size <= 0xffff &&
                     load8(&bytes_[heading_]) == static_cast<unsigned>(request.form) &&
                     load8(&bytes_[heading_ + 1]) == request.flags;
  const auto needed = size + (joins ? std::size_t{0} : request_heading_size);
  if (bytes_.size() + needed > max_size_)
    return false;
  auto end = bytes_.size();
  bytes_.resize(end + needed);
  if (!joins) {
    heading_ = end;
    store8(&bytes_[heading_], static_cast<unsigned>(request.form));
    store8(&bytes_[heading_ + 1], request.flags);
    end += request_heading_size;
  }
  const auto listed_now = bytes_.size() - heading_ - request_heading_size;
  store16(&bytes_[heading_ + 2], static_cast<std::uint16_t>(listed_now));
  // Of erasures, the last point is the one that has the number.
  store_point(&bytes_[end], is_range ? request.first : request.last);
  if (is_range)
    store_point(&bytes_[end + point_size(request.first.fec_id)], request.last);
  return true;
}

void RepairRequestWriter::clear()
{
  bytes_.clear();
  heading_ = 0;
}

}  // namespace kam::srm
