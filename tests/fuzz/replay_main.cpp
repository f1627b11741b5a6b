// SPDX-License-Identifier: LGPL-2.1-or-later
// Stands in for libFuzzer: runs a target on every file of a corpus, and on mutations of them
// that are the same in each run.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

constexpr int mutations_in_all = MUTATIONS;

std::vector<Input> read_corpus(const char *folder)
{
  std::vector<std::filesystem::path> paths;
  for (const auto &entry : std::filesystem::directory_iterator{folder})
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<Input> corpus;
  for (const auto &path : paths) {
    std::ifstream file{path, std::ios::binary};
    corpus.emplace_back(std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{});
  }
  return corpus;
}

std::size_t below(std::mt19937 &random, std::size_t limit)
{
  return limit == 0 ? 0 : random() % limit;
}

// Flips, cuts, doubles and joins, a few times over.
Input mutated(const std::vector<Input> &corpus, std::mt19937 &random)
{
  auto input = corpus[below(random, corpus.size())];
  for (auto steps = 1 + below(random, 4); steps > 0; --steps) {
    const auto at = static_cast<std::ptrdiff_t>(below(random, input.size() + 1));
    switch (below(random, 5)) {
    case 0:
      if (!input.empty())
        input[below(random, input.size())] ^= static_cast<std::uint8_t>(1U << below(random, 8));
      break;
    case 1: input.resize(static_cast<std::size_t>(at)); break;
    case 2: input.insert(input.begin() + at, static_cast<std::uint8_t>(random())); break;
    case 3: input.insert(input.end(), input.begin(), input.begin() + at); break;
    default: {
      const auto &other = corpus[below(random, corpus.size())];
      input.insert(input.begin() + at, other.begin(), other.end());
    }
    }
    if (input.size() > 4096)
      input.resize(4096);
  }
  return input;
}

}  // namespace

int main(int argc, char **argv)
{
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s CORPUS-FOLDER\n", argv[0]);
    return 2;
  }
  const auto corpus = read_corpus(argv[1]);
  if (corpus.empty()) {
    std::fprintf(stderr, "%s: no corpus\n", argv[1]);
    return 1;
  }
  for (const auto &input : corpus)
    LLVMFuzzerTestOneInput(input.data(), input.size());
  std::mt19937 random{1};
  for (int i = 0; i < mutations_in_all; ++i) {
    const auto input = mutated(corpus, random);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%zu inputs and %d mutations\n", corpus.size(), mutations_in_all);
}
