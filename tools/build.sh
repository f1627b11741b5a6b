# shellcheck shell=bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Configuring and building, as tools/test and tools/demo do it. To be sourced, in the folder
# of the source.

# Configures a build folder, or does nothing if it is configured with the same options.
configure() { # BUILD-FOLDER MESON-OPTION...
  local folder=$1 wanted
  shift
  wanted="$PWD ${CXX:-g++} $*"
  if [ -f "$folder/build.ninja" ] && [ "$(cat "$folder/.configured" 2>/dev/null)" = "$wanted" ]; then
    return
  fi
  if [ -f "$folder/build.ninja" ] && [ $# = 0 ] && [ ! -e "$folder/.configured" ] &&
    grep -qF "\"source\": \"$PWD\"" "$folder/meson-info/meson-info.json"; then
    return # somebody's own configuration: theirs to choose
  fi
  # What is left of another place, another compiler or a failed try is no start.
  [ ! -e "$folder" ] || rm -rf "$folder"
  meson setup "$folder" "$@" || return
  echo "$wanted" >"$folder/.configured"
}

build() { # BUILD-FOLDER NINJA-TARGET...
  local folder=$1
  shift
  ninja -C "$folder" "$@"
}
