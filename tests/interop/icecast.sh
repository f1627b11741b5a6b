# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A real Icecast on this machine, to be sourced. It needs $icecast_folder, a folder of its own,
# and sets $icecast_port and $icecast_pid; who comes gets $icecast_burst bytes at once. Passwords are "hackme", as everywhere.

: "${icecast_folder:?}"
icecast_pid=
icecast_port=
icecast_burst=0

# In place of this shell. Icecast refuses to be root.
become_icecast() {
  if [ "$(id -u)" = 0 ]; then
    exec setpriv --reuid=nobody --regid=nogroup --clear-groups -- \
      icecast2 -c "$icecast_folder/icecast.xml"
  fi
  exec icecast2 -c "$icecast_folder/icecast.xml"
}

# Waits, for a number of seconds at most, until a command succeeds.
await_for() { # SECONDS COMMAND...
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.05
  done
}

icecast_is_up() {
  awk -v p="$(printf ':%04X' "$icecast_port")" \
    '$2 ~ p"$" && $4 == "0A" {f = 1} END {exit !f}' /proc/net/tcp
}
icecast_is_up_or_dead() { icecast_is_up || ! kill -0 "$icecast_pid" 2>/dev/null; }

write_icecast_config() {
  cat >"$icecast_folder/icecast.xml" <<XML
<icecast>
  <location>here</location>
  <admin>nobody@localhost</admin>
  <limits>
    <clients>100</clients>
    <sources>5</sources>
    <queue-size>524288</queue-size>
    <client-timeout>10</client-timeout>
    <header-timeout>5</header-timeout>
    <source-timeout>5</source-timeout>
    <burst-size>$icecast_burst</burst-size>
  </limits>
  <authentication>
    <source-password>hackme</source-password>
    <relay-password>hackme</relay-password>
    <admin-user>admin</admin-user>
    <admin-password>hackme</admin-password>
  </authentication>
  <hostname>localhost</hostname>
  <listen-socket><port>$icecast_port</port><bind-address>127.0.0.1</bind-address></listen-socket>
  <http-headers/>
  <paths>
    <basedir>$icecast_folder</basedir>
    <logdir>$icecast_folder</logdir>
    <webroot>/usr/share/icecast2/web</webroot>
    <adminroot>/usr/share/icecast2/admin</adminroot>
  </paths>
  <logging><errorlog>error.log</errorlog><accesslog>access.log</accesslog><loglevel>3</loglevel></logging>
  <security><chroot>0</chroot></security>
</icecast>
XML
}

# On the port it had before, if it had one.
start_icecast() {
  local tries=1 fixed=$icecast_port
  [ -n "$fixed" ] || tries=5
  chmod 777 "$icecast_folder"
  while [ $tries -gt 0 ]; do
    tries=$((tries - 1))
    [ -n "$fixed" ] || icecast_port=$((20000 + (RANDOM * 32768 + RANDOM) % 40000))
    write_icecast_config
    become_icecast >>"$icecast_folder/icecast.out" 2>&1 &
    icecast_pid=$!
    if await_for 20 icecast_is_up_or_dead && kill -0 "$icecast_pid" 2>/dev/null; then
      return 0
    fi
    stop_icecast KILL
  done
  echo "Icecast does not start:" >&2
  cat "$icecast_folder/icecast.out" >&2
  return 1
}

stop_icecast() { # SIGNAL
  [ -n "$icecast_pid" ] || return 0
  kill -CONT "$icecast_pid" 2>/dev/null || true
  kill "-$1" "$icecast_pid" 2>/dev/null || true
  wait "$icecast_pid" 2>/dev/null || true
  icecast_pid=
}

icecast_admin() { # PAGE FIELD=VALUE...
  local page=$1 field fields=()
  shift
  for field; do
    fields+=(--data-urlencode "$field")
  done
  curl --silent --show-error --fail --noproxy '*' --max-time 10 --user admin:hackme --get "${fields[@]}" \
    "http://127.0.0.1:$icecast_port/admin/$page"
}

set_icecast_title() { # MOUNT TITLE
  icecast_admin metadata "mount=/$1" mode=updinfo charset=UTF-8 "song=$2" >/dev/null
}

icecast_has_mount() { # MOUNT
  curl --silent --noproxy '*' --max-time 5 "http://127.0.0.1:$icecast_port/status-json.xsl" |
    grep -q "/$1\""
}

kick_icecast_listeners() { # MOUNT
  local id
  for id in $(icecast_admin listclients "mount=/$1" | grep -oE '<ID>[0-9]+' | cut -d '>' -f 2); do
    icecast_admin killclient "mount=/$1" "id=$id" >/dev/null
  done
}
