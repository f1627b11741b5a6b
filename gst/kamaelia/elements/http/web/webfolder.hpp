// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/http/web/webexchange.hpp"
#include "net/folder.hpp"

#include <memory>
#include <string>
#include <unordered_map>

namespace kam::http {

// Answers with the files of a folder: Kamaelia's minimal handler, with what browsers and
// players have come to expect since.
class WebFolder {
 public:
  WebFolder(WebServer &server, net::Folder folder)
      : server_{server}, folder_{std::make_shared<const net::Folder>(std::move(folder))}
  {
  }

  // `first`: of the path's names that is meant to be in the folder.
  void serve(Exchange &exchange, const ResourcePath &path, std::size_t first);

 private:
  struct Found;
  class Sender;
  class Lister;

  void serve_file(Exchange &exchange, const std::string &name, net::OpenFile file);
  void serve_folder(Exchange &exchange, const ResourcePath &path, std::size_t first);
  // The file as the client would rather have it, if it is there in such a form.
  void prefer_compressed(const RequestHead &request, Found &found) const;

  // To look into a file costs more than to send a small one.
  const std::string &content_type(const std::string &name, const std::string &etag,
                                  const net::OpenFile &file);

  WebServer &server_;
  std::shared_ptr<const net::Folder> folder_;
  std::unordered_map<std::string, std::string> content_types_;  // by tag and name
};

}  // namespace kam::http
