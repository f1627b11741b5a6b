// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/base/protocolserver/servervalues.hpp"
#include "net/endpoint.hpp"

#include <gst/gst.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

namespace kam {

// A client as it is told about.
struct ClientInfo {
  guint64 id = 0;
  net::Endpoint peer;
  net::Endpoint local;
  bool tls = false;
};

// What happens to a client's bytes; its reactor's thread writes, any thread reads.
struct ClientRecord {
  explicit ClientRecord(const ClientInfo &about) : info{about} {}

  const ClientInfo info;
  std::atomic<guint64> bytes_sent = 0;
  std::atomic<guint64> bytes_received = 0;
  std::atomic<guint64> queued_bytes = 0;
  std::atomic<guint64> connected_ns = 0;  // of the monotonic clock
};

// What has happened since a server began to listen.
struct ServerStats {
  guint64 clients = 0;  // there are now
  guint64 accepted = 0;
  guint64 rejected = 0;
  guint64 bytes_sent = 0;
  guint64 bytes_received = 0;
  guint64 queued_bytes = 0;  // now
  std::array<guint64, removal_count> removed{};
};

// Who hears what happens to a server's clients: in reactors' threads, with no lock held.
class ServerEvents {
 public:
  // Whether the client may come.
  virtual bool accepts(const ClientInfo &info) = 0;
  // An element to serve this client with, or nullptr for the launch line's.
  virtual GstElement *element_for(const ClientInfo &info) = 0;
  // It is READY and about to play.
  virtual void client_added(const ClientInfo &info, GstElement *bin) = 0;
  virtual void client_removed(const ClientRecord &record, Removal reason,
                              const std::string &detail) = 0;
  // The last of those that there should be has gone.
  virtual void all_served() = 0;
  // There was no bin for a client.
  virtual void client_failed(const ClientInfo &info, const std::string &what) = 0;
  // A descriptor or memory was wanting; told once until it works again.
  virtual void exhausted(const std::string &what) = 0;

 protected:
  ~ServerEvents() = default;
};

}  // namespace kam
