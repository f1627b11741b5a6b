#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Debian's fortune and databases: what the program prints is among what we read, we read what it
# reads, and as many of each as it counts.
set -euo pipefail
export PATH=$PATH:/usr/games
for tool in fortune strfile gst-launch-1.0; do
  command -v "$tool" >/dev/null || { echo "skipped: there is no $tool"; exit 77; }
done
databases=/usr/share/games/fortunes
[ -d "$databases" ] || { echo "skipped: there are no databases in $databases"; exit 77; }
unset FORTUNE_PATH
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# Picks of ours, one a line: the database, a colon, the number.
picks() { # COUNT PROPERTY...
  local count=$1
  shift
  gst-launch-1.0 -m fortunesrc bitrate=0 seed=42 "num-cookies=$count" "$@" ! fakesink |
    sed -n 's/.*cookie-picked, location=(string)\([^,]*\), number=(guint64)\([0-9]*\).*/\1:\2/p'
}

# Every database alone: the highest number that we pick is the number that strfile has counted.
checked=0
for index in "$databases"/*.dat; do
  database=${index%.dat}
  [ -L "$database" ] && continue
  counted=$(od -An -tu4 --endian=big -j4 -N4 "$index" | tr -d ' ')
  # Enough for the last to be missed once in a thousand years.
  highest=$(picks $((counted * 30)) "location=$database" | sed 's/.*://' | sort -n | tail -n 1)
  if [ "$highest" != "$counted" ]; then
    echo "$database: we read $highest cookies, strfile counted $counted"
    exit 1
  fi
  checked=$((checked + 1))
done
echo "$checked databases have as many cookies as strfile counted"

# All cookies that we have, as they are sent, between lines that no cookie has.
gst-launch-1.0 -q fortunesrc bitrate=0 num-cookies=400000 seed=1 separator=$'\x01' \
  ! filesink location=ours
tr '\001' '\000' <ours | sort -zu >all
for ((i = 0; i < 300; ++i)); do
  LC_ALL=C.UTF-8 fortune -a >one
  printf '\0' >>one
  if ! sort -zmu all one | cmp -s - all; then
    echo "fortune prints what we do not have:"
    cat one
    exit 1
  fi
done
echo "300 cookies of fortune are among our $(tr -cd '\000' <all | wc -c)"

# The weighting: the share of each database is what fortune says it is, within half a percent.
picks 100000 | sed 's/:[0-9]*$//; s/.*\///' | sort | uniq -c >shares
LC_ALL=C fortune -f -a 2>&1 | sed -n 's/^ *\([0-9.]*\)% \([^ /]*\)$/\2 \1/p' >expected
[ -s expected ]
awk 'NR == FNR { expected[$1] = $2; next }
     { share = $1 / 1000; difference = share - expected[$2];
       if (difference < -0.5 || difference > 0.5) { print $2, share, expected[$2]; bad = 1 } }
     END { exit bad }' expected shares
echo "$(wc -l <shares) databases have the shares that fortune gives them"
