# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Servers of ours for real clients to connect to. To be sourced; sets $folder, which is gone at
# the end as the servers are.
folder=$(mktemp -d)
servers=()
finish() {
  [ ${#servers[@]} = 0 ] || kill "${servers[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

need() { # PROGRAM...
  local tool
  for tool; do
    command -v "$tool" >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
  done
}

# Starts a server at a port that is free; the port is in $port then.
serve() { # ELEMENT PROPERTY...
  local log=$folder/server-${#servers[@]}.log i
  : >"$log"
  gst-launch-1.0 -v "$@" port=0 >"$log" 2>&1 &
  servers+=($!)
  for ((i = 0; i < 400; ++i)); do
    port=$(sed -n 's/.*current-port = \([1-9][0-9]*\).*/\1/p' "$log" | head -n 1)
    [ -z "$port" ] || return 0
    kill -0 "${servers[-1]}" 2>/dev/null || break
    sleep 0.05
  done
  echo "$* does not serve:" >&2
  cat "$log" >&2
  return 1
}
