// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/radio/icecastsrcvalues.hpp"

#include "elements/http/client/fetcher.hpp"

namespace kam {
icy::RadioReader::Options reader_options(const IcecastSrcValues &values, gsize block_size)
{
  using Duration = icy::Tuner::Duration;
  icy::RadioReader::Options options;
  options.connection = {.user_agent = values.user_agent,
                        .user_id = values.user_id,
                        .user_password = values.user_pw,
                        .extra_headers = headers_in(values.extra_headers.get()),
                        .cookies = values.cookies,
                        .proxy = values.proxy,
                        .proxy_id = values.proxy_id,
                        .proxy_password = values.proxy_pw,
                        .tls_database = values.tls_database,
                        .tls_interaction = values.tls_interaction,
                        .ssl_strict = values.ssl_strict,
                        .timeout = values.timeout,
                        .connect_timeout = values.connect_timeout,
                        .read_interval = values.read_interval,
                        .max_redirects = values.max_redirects,
                        .ask_for_titles = values.iradio_mode};
  options.policy = {.retries = values.retries,
                    .delay = Duration{values.retry_delay},
                    .backoff_factor = values.retry_backoff_factor,
                    .largest_delay = Duration{values.retry_backoff_max}};
  options.sound = {.resync = values.resync, .merge_ogg_chains = values.merge_ogg_chains};
  options.block_size = block_size;
  return options;
}

}  // namespace kam
