// SPDX-License-Identifier: LGPL-2.1-or-later
//   packet, of 188 bytes: 0x47 <1: error, 1: unit begins, 1: priority, 13: PID>
//                         <2: scrambled, 1: adaptation field, 1: payload, 4: counter> …
//   PID 0 has the table of programs, which names the PIDs of their maps, which name those of
//   their streams.
#include "core/media/formats.hpp"

#include "core/media/big_endian.hpp"

#include <algorithm>

namespace kam::media {
namespace {

constexpr std::byte sync{0x47};
constexpr std::size_t head_size = 4;
constexpr std::size_t crc_size = 4;
// Encoders that never mark a key frame exist.
constexpr unsigned unmarked_units = 250;

unsigned pid_at(Bytes bytes, std::size_t at)
{
  return static_cast<unsigned>(big_endian(bytes, at, 2)) & 0x1fffU;
}

bool is_video_type(unsigned type)
{
  constexpr std::array types{0x01U, 0x02U, 0x10U, 0x1bU, 0x20U, 0x21U,
                             0x24U, 0x33U, 0x42U, 0xd1U, 0xeaU};
  return std::ranges::find(types, type) != types.end();
}

}  // namespace

void TsIndexer::forget()
{
  programs_ = {};
  maps_.clear();
  headers_ = nullptr;
  leading_pid_.reset();
  units_without_mark_ = 0;
}

// True if a table is complete that is another than before.
bool TsIndexer::add_to(Table &table, Bytes packet, Bytes payload, bool begins)
{
  constexpr std::size_t max_section = 1024;
  if (begins) {
    table.packets.clear();
    table.section.clear();
    const std::size_t pointer = payload.empty() ? 0 : 1 + byte_at(payload, 0);
    payload = payload.subspan(std::min(pointer, payload.size()));
  } else if (table.packets.empty()) {
    return false;
  }
  table.packets.insert(table.packets.end(), packet.begin(), packet.end());
  table.section.insert(table.section.end(), payload.begin(), payload.end());
  if (table.section.size() < 3)
    return false;
  const auto size = 3 + (static_cast<std::size_t>(big_endian(table.section, 1, 2)) & 0xfffU);
  if (size > max_section) {
    table.packets.clear();
    return false;
  }
  if (table.section.size() < size)
    return false;
  table.section.resize(size);
  const bool is_new = table.section != table.whole_section;
  table.whole_section.swap(table.section);
  table.whole_packets.swap(table.packets);
  table.packets.clear();
  return is_new;
}

void TsIndexer::read_programs()
{
  constexpr std::size_t entries = 8;
  constexpr std::size_t max_programs = 16;
  const Bytes section{programs_.whole_section};
  maps_.clear();
  leading_pid_.reset();
  for (auto at = entries; at + 4 + crc_size <= section.size(); at += 4)
    if (big_endian(section, at, 2) != 0 && maps_.size() < max_programs)
      maps_[pid_at(section, at + 2)];
}

void TsIndexer::read_map(const Table &map)
{
  const Bytes section{map.whole_section};
  if (section.size() < 12)
    return;
  auto at = 12 + (static_cast<std::size_t>(big_endian(section, 10, 2)) & 0xfffU);
  while (at + 5 + crc_size <= section.size()) {
    const bool is_video = is_video_type(byte_at(section, at));
    if (!leading_pid_ || (is_video && !leads_video_)) {
      leading_pid_ = pid_at(section, at + 1);
      leads_video_ = is_video;
    }
    at += 5 + (static_cast<std::size_t>(big_endian(section, at + 3, 2)) & 0xfffU);
  }
}

void TsIndexer::renew_headers()
{
  leading_pid_.reset();
  leads_video_ = false;
  ByteVector tables = programs_.whole_packets;
  for (const auto &[pid, map] : maps_) {
    read_map(map);
    tables.insert(tables.end(), map.whole_packets.begin(), map.whole_packets.end());
  }
  headers_ = leading_pid_ ? share(tables) : nullptr;
}

void TsIndexer::handle_packet(Bytes packet, std::uint64_t offset, std::vector<JoinPoint> &joins)
{
  const auto pid = pid_at(packet, 1);
  const bool begins = (byte_at(packet, 1) & 0x40U) != 0;
  const auto control = byte_at(packet, 3) >> 4U & 3U;
  const std::size_t adaptation_size = (control & 2U) != 0 ? 1 + byte_at(packet, 4) : 0;
  if ((control & 1U) == 0 || head_size + adaptation_size > packet.size())
    return;
  const auto payload = packet.subspan(head_size + adaptation_size);
  if (pid == 0) {
    if (add_to(programs_, packet, payload, begins))
      read_programs();
    return;
  }
  if (const auto map = maps_.find(pid); map != maps_.end()) {
    if (add_to(map->second, packet, payload, begins))
      renew_headers();
    return;
  }
  if (pid != leading_pid_ || !begins || !headers_)
    return;
  const bool is_marked = adaptation_size > 1 && (byte_at(packet, 5) & 0x40U) != 0;
  units_without_mark_ = is_marked ? 0 : units_without_mark_ + 1;
  if (is_marked || !leads_video_ || units_without_mark_ > unmarked_units)
    joins.push_back({offset, headers_});
}

Indexer::Step TsIndexer::step(Bytes window, std::uint64_t offset, std::vector<JoinPoint> &joins)
{
  if (window.size() < packet_size)
    return {.need = packet_size};
  if (window[0] == sync) {
    handle_packet(window.first(packet_size), offset, joins);
    return {.take = packet_size};
  }
  for (std::size_t at = 1; at < window.size(); ++at) {
    if (window[at] != sync)
      continue;
    if (at + packet_size >= window.size())
      return {.need = at + packet_size + 1};
    if (window[at + packet_size] == sync)
      return {.take = at};
  }
  // The last one stays: what begins the next window would be believed to be in step.
  return {.take = window.size() - 1};
}

}  // namespace kam::media
