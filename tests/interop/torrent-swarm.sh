#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# A swarm of programs that other people wrote, with a tracker, in a network of its own: torrentsrc
# gets from each of them what it seeds, each of them gets what torrentsink seeds, and a web server
# is a seed too. Bytes have to be the same everywhere.
#
#   torrent-swarm.sh TORRENT-READS
set -euo pipefail
reads=$1

for tool in aria2c gst-launch-1.0 ip nginx opentracker python3 qbittorrent-nox transmission-cli \
  transmission-daemon transmission-show unshare; do
  command -v "$tool" >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
done
if [ "${2-}" != inside ]; then
  unshare --net true 2>/dev/null || { echo "skipped: no right to make a network"; exit 77; }
  exec unshare --net "$0" "$reads" inside
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
make_torrent() { # FILE TORRENT FORMAT
  gst-launch-1.0 -m filesrc location="$1" ! torrentenc format="$3" trackers=$announce \
    creation-date=false ! filesink location="$2" >"$2.said"
}
# What torrentenc says of it: info-hash, info-hash-v2 or magnet.
said() { # TORRENT FIELD
  sed -n "s/.*torrent-created.* $2=(string)\"\\?\([^,;\"]*\).*/\1/p" "$1.said" | tr -d '\134'
}
for format in v1 hybrid v2; do
  make_torrent "$seed_folder/film.mkv" "$work/$format.torrent" $format
done
# Ten more, for one process.
for i in {0..9}; do
  head -c $((300000 + i)) /dev/urandom >"$seed_folder/$i.mkv"
  make_torrent "$seed_folder/$i.mkv" "$work/$i.torrent" v1
done
# Of version 2's hash trackers are told the first 20 bytes.
for torrent in "$work"/*.torrent; do
  said "$torrent" info-hash
  said "$torrent" info-hash-v2 | cut -c 1-40
done | sed '/^$/d' >"$work/known"
# As root it makes its folder the root of all.
opentracker -i $tracker -p 6969 -P 6969 -w /known -d "$work" -u nobody \
  >"$work/opentracker.log" 2>&1 &
tracker_pid=$!
echo $tracker_pid >"$work/opentracker.pid"
sleep 0.5
kill -0 $tracker_pid || fail "opentracker does not run"

# ---- others seed, torrentsrc gets it ----

start_transmission() { # FOLDER TORRENT...
  mkdir -p "$work/transmission"
  cat >"$work/transmission/settings.json" <<JSON
{"bind-address-ipv4": "10.78.0.3", "bind-address-ipv6": "::1", "peer-port": 51413,
 "rpc-port": 9091, "rpc-whitelist-enabled": false, "dht-enabled": false, "lpd-enabled": false,
 "utp-enabled": false, "port-forwarding-enabled": false, "download-dir": "$1",
 "ratio-limit-enabled": false, "trash-original-torrent-files": false}
JSON
  transmission-daemon --foreground --config-dir "$work/transmission" \
    >"$work/transmission.log" 2>&1 &
  pids+=($!)
  local torrent
  for torrent in "${@:2}"; do
    wait_for 20 transmission-remote 127.0.0.1:9091 --add "$torrent" --download-dir "$1" \
      >>"$work/transmission.log" 2>&1 || fail "transmission-daemon takes no torrent"
  done
}
start_aria2() { # FOLDER TORRENT...
  aria2c --dir="$1" --check-integrity=true --seed-ratio=0 --max-concurrent-downloads=20 \
    --interface=10.78.0.4 --listen-port=51414 --enable-dht=false --bt-enable-lpd=false \
    --enable-peer-exchange=false "${@:2}" >"$work/aria2.log" 2>&1 &
  pids+=($!)
}
start_qbittorrent() { # FOLDER TORRENT...
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
Session\\QueueingSystemEnabled=false
[Preferences]
WebUI\\Address=127.0.0.1
WebUI\\Port=9092
WebUI\\LocalHostAuth=false
CONF
  qbittorrent-nox --profile="$work/qb" --save-path="$1" --skip-dialog=true --add-paused=false \
    "${@:2}" >"$work/qbittorrent.log" 2>&1 </dev/null &
  pids+=($!)
}
launch() { # NAME ARGUMENT...
  rm -rf "$XDG_CACHE_HOME" "$work"/got*
  timeout 90 gst-launch-1.0 -m "${@:2}" >"$work/src.log" 2>&1 || fail "torrentsrc gets nothing from $1"
}
same() { # NAME FILE...
  local file
  for file in "${@:2}"; do
    cmp "$seed_folder/$file" "$work/got.$file" || fail "torrentsrc got other bytes from $1"
  done
  echo "$SECONDS s: torrentsrc gets it from $1"
}
get() { # NAME LOCATION [PROPERTY...]
  launch "$1" torrentsrc location="$2" "${quiet[@]}" listen-interfaces=$ours:0 "${@:3}" \
    ! filesink location="$work/got.film.mkv"
  same "$1" film.mkv
}

start_transmission "$seed_folder" "$work/v1.torrent"
get "transmission, whom the tracker knows" "$work/v1.torrent"
get "transmission, by a magnet without tracker" \
  "magnet:?xt=urn:btih:$(said "$work/v1.torrent" info-hash)&x.pe=10.78.0.3:51413"
stop_all
start_aria2 "$seed_folder" "$work/v1.torrent"
get "aria2, whom the tracker knows" "$work/v1.torrent"
stop_all
for format in v1 hybrid v2; do
  start_qbittorrent "$seed_folder" "$work/$format.torrent"
  get "qbittorrent, $format" "$work/$format.torrent"
  get "qbittorrent, $format, by a magnet" "$(said "$work/$format.torrent" magnet)"
  stop_all
done
start_qbittorrent "$seed_folder" "$work/hybrid.torrent"
get "qbittorrent, hybrid, by a magnet of version 2" \
  "magnet:?xt=urn:btmh:1220$(said "$work/hybrid.torrent" info-hash-v2)&tr=$announce"
stop_all

# ---- all of them at once ----

# Transmission takes one connection from an address at a time, and serves none for up to 10 s.
start_transmission "$seed_folder" "$work/v1.torrent"
start_aria2 "$seed_folder" "$work/v1.torrent" "$work"/[0-4].torrent
start_qbittorrent "$seed_folder" "$work/v1.torrent" "$work"/[5-9].torrent
get "three of them at once" "$work/v1.torrent"
source=(torrentsrc location="$work/v1.torrent" "${quiet[@]}" listen-interfaces="$ours:0")
launch "them, twice at once" "${source[@]}" ! filesink location="$work/got.film.mkv" \
  "${source[@]}" ! filesink location="$work/got.again"
same "them, twice at once" film.mkv
cmp "$seed_folder/film.mkv" "$work/got.again" || fail "two elements have not the same bytes"
ten=()
for i in {0..9}; do
  ten+=(torrentsrc location="$work/$i.torrent" "${quiet[@]}" listen-interfaces="$ours:0"
    ! filesink location="$work/got.$i.mkv" async=false)
done
launch "them, ten torrents" "${ten[@]}"
same "them, ten torrents" {0..9}.mkv
rm -rf "$XDG_CACHE_HOME"
timeout 100 "$reads" "$(said "$work/v1.torrent" magnet)" "$seed_folder/film.mkv" $ours:0 ||
  fail "other bytes in 1,000 reads"
echo "$SECONDS s: 1,000 ranges are pulled, and there are 1,000 seeks while it is pushed"
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
  echo "$SECONDS s: $1 gets it from torrentsink"
}
leech() { # PROGRAM FORMAT
  share "$2"
  rm -rf "$work/leech"
  mkdir "$work/leech"
  "start_$1" "$work/leech" "$work/ours/film.mkv.torrent"
  taken "$1, $2," "$work/leech"
  stop_all
}
leech transmission v1
leech aria2 v1
leech qbittorrent v1
leech qbittorrent hybrid
leech qbittorrent v2
echo "the swarm has what it wanted"
