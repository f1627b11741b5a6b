// SPDX-License-Identifier: LGPL-2.1-or-later
#include "support/vectors.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace kam::test {

struct Json::Value {
  std::shared_ptr<const nlohmann::json> document;
  const nlohmann::json *at;
};

namespace {

Json make(const std::shared_ptr<const nlohmann::json> &document, const nlohmann::json &at)
{
  return Json{std::make_shared<const Json::Value>(Json::Value{document, &at})};
}

std::byte byte_of(std::string_view hex)
{
  return static_cast<std::byte>(std::stoul(std::string{hex}, nullptr, 16));
}

}  // namespace

bool Json::is_null() const
{
  return value_->at->is_null();
}

bool Json::has(std::string_view key) const
{
  return value_->at->contains(key) && !value_->at->at(std::string{key}).is_null();
}

Json Json::operator[](std::string_view key) const
{
  return make(value_->document, value_->at->at(std::string{key}));
}

Json Json::operator[](std::size_t index) const
{
  return make(value_->document, value_->at->at(index));
}

std::size_t Json::size() const
{
  return value_->at->size();
}

std::vector<Json> Json::items() const
{
  std::vector<Json> items;
  for (const auto &item : *value_->at)
    items.push_back(make(value_->document, item));
  return items;
}

std::string Json::text() const
{
  return value_->at->get<std::string>();
}

ByteVector Json::bytes() const
{
  const auto hex = text();
  ByteVector bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes.push_back(byte_of(std::string_view{hex}.substr(i, 2)));
  return bytes;
}

std::int64_t Json::integer() const
{
  return value_->at->get<std::int64_t>();
}

std::uint64_t Json::unsigned_integer() const
{
  return value_->at->get<std::uint64_t>();
}

double Json::number() const
{
  return value_->at->get<double>();
}

bool Json::boolean() const
{
  return value_->at->get<bool>();
}

std::vector<Json> load_vectors(std::string_view name)
{
  const auto path = std::string{VECTORS_DIR "/kamaelia-"} + std::string{name} + ".jsonl";
  std::ifstream file{path};
  if (!file)
    throw std::runtime_error{"cannot read " + path};
  std::vector<Json> cases;
  for (std::string line; std::getline(file, line);) {
    auto document = std::make_shared<const nlohmann::json>(nlohmann::json::parse(line));
    cases.push_back(make(document, *document));
  }
  return cases;
}

}  // namespace kam::test
