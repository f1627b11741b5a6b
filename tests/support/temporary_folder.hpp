// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace kam::test {

// A folder that nobody else has, for as long as the object lives.
class TemporaryFolder {
 public:
  TemporaryFolder()
  {
    std::string name = std::filesystem::temp_directory_path() / "kamaelia-test-XXXXXX";
    if (!mkdtemp(name.data()))
      std::abort();
    path_ = name;
  }
  ~TemporaryFolder()
  {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  std::string path() const { return path_; }
  std::string path(std::string_view name) const { return path_ / name; }

  // The path of the new file.
  std::string write(std::string_view name, std::string_view content) const
  {
    const auto file = path_ / name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream stream{file, std::ios::binary};
    stream.write(content.data(), static_cast<std::streamsize>(content.size()));
    stream.close();
    if (!stream.good())
      std::abort();
    return file;
  }
  void link(std::string_view name, const std::string &target) const
  {
    std::filesystem::create_symlink(target, path_ / name);
  }

 private:
  std::filesystem::path path_;
};

}  // namespace kam::test
