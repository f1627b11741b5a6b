// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "elements/base/protocolserver/serverhub.hpp"
#include "elements/base/protocolserver/servernotices.hpp"
#include "elements/base/protocolserver/servervalues.hpp"
#include "glue/guarded.hpp"
#include "glue/properties.hpp"

#include <gst/gst.h>

#include <memory>
#include <string>

namespace kam {

// Kamaelia's SimpleServer: each client gets an instance of the launch line, from its start.
class ProtocolServer final : private ServerEvents {
 public:
  using Base = GstElement;
  using Class = GstElementClass;
  static constexpr auto type_name = "KamProtocolServer";
  static GType base_type() { return GST_TYPE_ELEMENT; }
  static void class_init(Class *klass);

  using Values = ServerValues;
  glue::Settings<Values> settings;
  static const glue::Properties<ProtocolServer, Values> &properties();

  explicit ProtocolServer(Base *base);
  int current_port() const;
  glue::StructurePtr stats() const;

  GstStateChangeReturn change_state(GstStateChange transition);
  gboolean send_event(GstEvent *event);

  // --- action signals, in any thread
  void remove(guint64 id);
  void clear();
  GstStructure *get_stats(guint64 id);
  GstStructure *list_clients();

  // --- for the presets
  // What serves clients while `launch` is not set; its elements of `factory` have the
  // properties that are set by set_source_property().
  void preset(const char *launch, const char *factory, int port);
  void set_source_property(const char *name, const GValue *value);
  // False if it was never set.
  bool get_source_property(const char *name, GValue *value) const;

 private:
  using HubPtr = std::shared_ptr<ServerHub>;
  struct Preset {
    std::string launch;
    std::string factory;
    SourceProperties properties;
  };

  static void add_signals(GType type);
  bool accepts(const ClientInfo &info) override;
  GstElement *element_for(const ClientInfo &info) override;
  void client_added(const ClientInfo &info, GstElement *bin) override;
  void client_removed(const ClientRecord &record, Removal reason,
                      const std::string &detail) override;
  void all_served() override;
  void client_failed(const ClientInfo &info, const std::string &what) override;
  void exhausted(const std::string &what) override;

  ClientLaunch launch_of(const Values &values) const;
  // A hub whose launch line is of use; nullptr after an error has been posted.
  HubPtr make_hub();
  bool open();
  void close();
  bool has_handler(guint signal) const;

  GstElement *base_;
  mutable glue::Guarded<Preset> preset_;
  mutable glue::Guarded<HubPtr> hub_;
  mutable glue::Guarded<ServerStats> last_stats_;
  ServerMessages messages_;
  std::atomic<bool> posts_messages_ = true;
  std::atomic<bool> has_posted_eos_ = false;
};

}  // namespace kam
