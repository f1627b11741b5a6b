# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Which Debian 12 packages each purpose needs, in this one place. To be sourced.

packages_for() { # PURPOSE
  case $1 in
    build) echo g++ libisal-dev meson ninja-build pkg-config libgstreamer1.0-dev \
      libgstreamer-plugins-base1.0-dev libsoup-3.0-dev libtorrent-rasterbar-dev ;;
    test) echo check gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
      gstreamer1.0-plugins-bad gstreamer1.0-x nlohmann-json3-dev ;;
    demo) echo curl ethtool gstreamer1.0-libav gstreamer1.0-plugins-base \
      gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly \
      gstreamer1.0-tools icecast2 iproute2 netcat-openbsd nftables procps \
      util-linux ;;
    check) echo clang-format clang-tidy codespell shellcheck ;;
    clang) echo clang libclang-rt-14-dev llvm ;;
    install) echo gstreamer1.0-tools ;;
    benchmark) echo aria2 chromium chromium-driver ethtool fortune-mod fortunes \
      gstreamer1.0-plugins-bad gstreamer1.0-tools icecast2 iproute2 \
      libgstrtspserver-1.0-dev libnginx-mod-stream libnorm-dev nftables nginx-light \
      openbsd-inetd openssl opentracker procps python3 qbittorrent-nox transmission-cli \
      transmission-daemon udpcast uftp util-linux valgrind ;;
    network) echo ethtool gstreamer1.0-tools iproute2 nftables procps ;;
    interop) echo aria2 chromium chromium-driver curl ethtool ffmpeg fortune-mod fortunes \
      fortunes-min gir1.2-gstreamer-1.0 gstreamer1.0-libav gstreamer1.0-plugins-base-apps \
      gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly gstreamer1.0-tools icecast2 iproute2 \
      libnorm-dev liquidsoap mpv ncat netcat-openbsd nftables nginx-light openssl opentracker \
      procps python3 python3-gi qbittorrent-nox socat telnet transmission-cli \
      transmission-daemon tshark util-linux vlc-bin vlc-plugin-base wget wireshark-common ;;
    *) echo "packages.sh: no purpose \"$1\"" >&2; return 1 ;;
  esac
}

# Prints those of the packages that are not installed.
missing_packages() { # PACKAGE...
  local package
  for package; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      echo "$package"
  done
}

# Installs what the purposes need and is not there. Nothing is asked, and root is not needed,
# if everything is.
require_packages() { # PURPOSE...
  local purpose packages=() missing as_root=()
  for purpose; do
    # The lists are words without blanks.
    # shellcheck disable=SC2207
    packages+=($(packages_for "$purpose"))
  done
  [ ${#packages[@]} -gt 0 ] || return 0
  if ! command -v dpkg-query >/dev/null; then
    echo "This is no Debian: please see to it yourself that there is what Debian calls" >&2
    echo "  ${packages[*]}" >&2
    return 0
  fi
  mapfile -t missing < <(missing_packages "${packages[@]}" | sort -u)
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "Some packages are missing, and there is no sudo to install them. As root, run" >&2
      echo "  apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  echo "Installing ${#missing[@]} missing packages: ${missing[*]}"
  if ! { "${as_root[@]}" apt-get -q update &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
      -o Dpkg::Use-Pty=0 install --no-install-recommends "${missing[@]}" </dev/null; }; then
    echo "That did not work. As root, run" >&2
    echo "  apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
    return 1
  fi
}
