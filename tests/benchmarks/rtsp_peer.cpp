// SPDX-License-Identifier: LGPL-2.1-or-later
// GStreamer's RTSP server with a pipeline of its own for each client, for servers.py to compare
// memory with. It prints its port, and serves rtsp://127.0.0.1:PORT/tone until it is ended.
#include "server_sockets.hpp"

#include <gst/rtsp-server/rtsp-server.h>

#include <iostream>

int main()
{
  kam::bench::expect_many_connections();
  gst_init(nullptr, nullptr);
  auto *server = gst_rtsp_server_new();
  gst_rtsp_server_set_address(server, "127.0.0.1");
  gst_rtsp_server_set_service(server, "0");
  auto *factory = gst_rtsp_media_factory_new();
  gst_rtsp_media_factory_set_launch(
      factory,
      "( audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! "
      "rtppcmupay name=pay0 )");
  gst_rtsp_media_factory_set_shared(factory, FALSE);
  auto *mounts = gst_rtsp_server_get_mount_points(server);
  gst_rtsp_mount_points_add_factory(mounts, "/tone", factory);
  g_object_unref(mounts);
  if (gst_rtsp_server_attach(server, nullptr) == 0)
    return 1;
  std::cout << gst_rtsp_server_get_bound_port(server) << std::endl;
  g_main_loop_run(g_main_loop_new(nullptr, FALSE));
}
