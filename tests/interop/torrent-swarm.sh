#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A swarm of programs that other people wrote, with a tracker, in a network of its own: torrentsrc
# gets from each of them what it seeds, each of them gets what torrentsink seeds, and a web server
# is a seed too. Bytes have to be the same everywhere.
set -euo pipefail

for tool in aria2c gst-launch-1.0 ip nginx opentracker python3 qbittorrent-nox transmission-cli \
  transmission-daemon transmission-show unshare; do
  command -v "$tool" >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
done
if [ "${1-}" != inside ]; then
  unshare --net true 2>/dev/null || { echo "skipped: no right to make a network"; exit 77; }
  exec unshare --net "$0" inside
fi
# Transmission takes nobody whose address is a loopback one.
ip link set lo up
for host in 1 2 3 4 5; do ip address add 10.78.0.$host/24 dev lo; done
tracker=10.78.0.1 ours=10.78.0.2

work=$(mktemp -d)
chmod 755 "$work"  # the tracker is nobody
export HOME=$work/home XDG_CACHE_HOME=$work/cache
mkdir -p "$HOME"
pids=()
stop_all() {
  [ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true
  [ ${#pids[@]} = 0 ] || wait "${pids[@]}" 2>/dev/null || true
  pids=()
  rm -rf "$work/qb" "$work/transmission"
}
# Called by a trap.
# shellcheck disable=SC2317
finish() {
  stop_all
  [ ! -f "$work/opentracker.pid" ] || kill "$(cat "$work/opentracker.pid")" 2>/dev/null || true
  [ ! -f "$work/nginx.pid" ] || kill "$(cat "$work/nginx.pid")" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
fail() {
  echo "FAILED: $*" >&2
  for log in "$work"/*.log; do echo "-- $log"; tail -n 15 "$log"; done >&2
  exit 1
}
wait_for() { # SECONDS COMMAND...
  local end=$((SECONDS + $1))
  shift
  until "$@" 2>/dev/null; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.2
  done
}
quiet=(dht=false lsd=false upnp=false natpmp=false)

# ---- one file, its torrents, and who tells of it ----

seed_folder=$work/seed
mkdir "$seed_folder"
head -c 6000000 /dev/urandom >"$seed_folder/film.mkv"
announce=http://$tracker:6969/announce
for format in v1 hybrid v2; do
  gst-launch-1.0 -q filesrc location="$seed_folder/film.mkv" ! torrentenc format=$format \
    trackers=$announce creation-date=false ! filesink location="$work/$format.torrent"
done
hash_of() { aria2c -S "$1" | sed -n 's/^Info Hash: //p'; }
# Trackers are told the first 20 bytes of version 2's hash, of what is between these two keys.
short_hash_of() {
  python3 -c 'import hashlib, sys
data = open(sys.argv[1], "rb").read()
info = data[data.index(b"4:infod") + 6:data.index(b"12:piece layers")]
print(hashlib.sha256(info).hexdigest()[:40])' "$1"
}
{
  for format in v1 hybrid; do hash_of "$work/$format.torrent"; done
  for format in hybrid v2; do short_hash_of "$work/$format.torrent"; done
} >"$work/known"
# As root it makes its folder the root of all.
opentracker -i $tracker -p 6969 -P 6969 -w /known -d "$work" -u nobody \
  >"$work/opentracker.log" 2>&1 &
tracker_pid=$!
echo $tracker_pid >"$work/opentracker.pid"
sleep 0.5
kill -0 $tracker_pid || fail "opentracker does not run"

# ---- others seed, torrentsrc gets it ----

start_transmission() { # TORRENT FOLDER
  mkdir -p "$work/transmission"
  cat >"$work/transmission/settings.json" <<JSON
{"bind-address-ipv4": "10.78.0.3", "bind-address-ipv6": "::1", "peer-port": 51413,
 "rpc-port": 9091, "rpc-whitelist-enabled": false, "dht-enabled": false, "lpd-enabled": false,
 "utp-enabled": false, "port-forwarding-enabled": false, "download-dir": "$2",
 "ratio-limit-enabled": false, "trash-original-torrent-files": false}
JSON
  transmission-daemon --foreground --config-dir "$work/transmission" \
    >"$work/transmission.log" 2>&1 &
  pids+=($!)
  wait_for 20 transmission-remote 127.0.0.1:9091 --add "$1" --download-dir "$2" \
    >>"$work/transmission.log" 2>&1 || fail "transmission-daemon takes no torrent"
}
start_aria2() { # TORRENT FOLDER
  aria2c --dir="$2" --check-integrity=true --seed-ratio=0 --interface=10.78.0.4 \
    --listen-port=51414 --enable-dht=false --bt-enable-lpd=false --enable-peer-exchange=false \
    "$1" >"$work/aria2.log" 2>&1 &
  pids+=($!)
}
start_qbittorrent() { # TORRENT FOLDER
  mkdir -p "$work/qb/qBittorrent/config"
  cat >"$work/qb/qBittorrent/config/qBittorrent.conf" <<CONF
[LegalNotice]
Accepted=true
[BitTorrent]
Session\\Interface=lo
Session\\InterfaceAddress=10.78.0.5
Session\\Port=51415
Session\\DHTEnabled=false
Session\\LSDEnabled=false
Session\\PeXEnabled=false
Session\\MultiConnectionsPerIp=true
[Preferences]
WebUI\\Address=127.0.0.1
WebUI\\Port=9092
WebUI\\LocalHostAuth=false
CONF
  qbittorrent-nox --profile="$work/qb" --save-path="$2" --skip-dialog=true --add-paused=false \
    "$1" >"$work/qbittorrent.log" 2>&1 </dev/null &
  pids+=($!)
}
get() { # NAME LOCATION PROPERTY...
  local name=$1 location=$2
  shift 2
  rm -rf "$XDG_CACHE_HOME" "$work/got.mkv"
  timeout 40 gst-launch-1.0 -m torrentsrc location="$location" "${quiet[@]}" \
    listen-interfaces=$ours:0 stats-interval=2000 "$@" ! filesink location="$work/got.mkv" >"$work/src.log" 2>&1 ||
    fail "torrentsrc gets nothing from $name"
  cmp "$seed_folder/film.mkv" "$work/got.mkv" || fail "torrentsrc got other bytes from $name"
  echo "torrentsrc gets it from $name"
}

start_transmission "$work/v1.torrent" "$seed_folder"
get "transmission, whom the tracker knows" "$work/v1.torrent"
get "transmission, by a magnet without tracker" \
  "magnet:?xt=urn:btih:$(hash_of "$work/v1.torrent")&x.pe=10.78.0.3:51413"
stop_all
start_aria2 "$work/v1.torrent" "$seed_folder"
get "aria2, whom the tracker knows" "$work/v1.torrent"
stop_all
for format in v1 hybrid v2; do
  start_qbittorrent "$work/$format.torrent" "$seed_folder"
  get "qbittorrent, $format" "$work/$format.torrent" peers=10.78.0.5:51415
  stop_all
done
# Together.
start_transmission "$work/v1.torrent" "$seed_folder"
start_aria2 "$work/v1.torrent" "$seed_folder"
get "two of them at once" "$work/v1.torrent"
stop_all

cat >"$work/nginx.conf" <<CONF
pid $work/nginx.pid;
error_log $work/nginx.log;
events {}
http {
  access_log off;
  client_body_temp_path $work/nginx-body; proxy_temp_path $work/nginx-proxy;
  fastcgi_temp_path $work/nginx-fastcgi; uwsgi_temp_path $work/nginx-uwsgi;
  scgi_temp_path $work/nginx-scgi;
  server { listen 10.78.0.1:8088; root $seed_folder; }
}
CONF
nginx -c "$work/nginx.conf" 2>>"$work/nginx.log" || fail "nginx does not begin"
chmod -R a+rX "$work"
get "nginx, a web seed" "$work/v2.torrent" web-seeds=http://10.78.0.1:8088/

# ---- torrentsink seeds, others get it ----

share() { # FORMAT
  rm -rf "$work/ours"
  mkdir -p "$work/ours"
  gst-launch-1.0 -q filesrc location="$seed_folder/film.mkv" ! torrentsink \
    location="$work/ours/film.mkv" format="$1" trackers=$announce creation-date=false \
    linger=true "${quiet[@]}" listen-interfaces=$ours:51420 >"$work/sink.log" 2>&1 &
  pids+=($!)
  wait_for 20 test -s "$work/ours/film.mkv.torrent" || fail "torrentsink makes no torrent"
  cmp "$work/$1.torrent" "$work/ours/film.mkv.torrent" ||
    fail "torrentsink and torrentenc make different torrents"
}
taken() { # NAME FOLDER
  wait_for 60 cmp -s "$seed_folder/film.mkv" "$2/film.mkv" || fail "$1 gets nothing from torrentsink"
  echo "$1 gets it from torrentsink"
}
leech() { # PROGRAM FORMAT
  share "$2"
  rm -rf "$work/leech"
  mkdir "$work/leech"
  "start_$1" "$work/ours/film.mkv.torrent" "$work/leech"
  taken "$1, $2," "$work/leech"
  stop_all
}
leech transmission v1
leech aria2 v1
leech qbittorrent v1
leech qbittorrent hybrid
leech qbittorrent v2
echo "the swarm has what it wanted"
