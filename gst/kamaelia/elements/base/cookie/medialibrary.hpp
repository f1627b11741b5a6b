// SPDX-License-Identifier: LGPL-2.1-or-later
// Folders of sounds or films, and the files in them; opened once for all elements of a process.
#pragma once

#include "elements/base/cookie/cookiefiles.hpp"
#include "elements/base/cookie/weakcache.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace kam {

struct MediaFile {
  std::string path;
  FileIdentity identity;
  net::FileDescriptor descriptor;  // to be read with pread(): it is everybody's
  std::uint64_t size = 0;          // in bytes, when it was opened
  glue::Ref<GstCaps> caps;         // none if nobody knows what it is
};

class MediaFolder {
 public:
  // `location`: a folder, of which those files count whose names are like the `pattern`, globs
  // with semicolons in between, whatever the case; or one file. Links in a folder do not count,
  // as they may lead out of it.
  static OrFault<std::shared_ptr<const MediaFolder>> open(const std::string &location,
                                                          const std::string &pattern);

  MediaFolder(Folder folder, std::string path, bool is_file)
      : folder_{std::move(folder)}, path_{std::move(path)}, is_file_{is_file}
  {
  }

  // At least 1.
  std::size_t size() const { return folder_.names.size(); }
  // A fault if it has gone meanwhile, or become something else.
  OrFault<std::shared_ptr<const MediaFile>> open_file(std::size_t index) const;
  // Counts those who go through the folder from one file to the next, each from another.
  std::uint64_t take_turn() const { return turn_++; }

 private:
  bool is_as_read() const;

  Folder folder_;
  std::string path_;
  bool is_file_;
  mutable std::atomic<std::uint64_t> turn_ = 0;
  mutable WeakCache<std::size_t, MediaFile> files_;
  // What files are is found out once. Only while files_ makes one.
  mutable std::map<std::size_t, std::pair<FileIdentity, glue::Ref<GstCaps>>> known_caps_;
};

}  // namespace kam
