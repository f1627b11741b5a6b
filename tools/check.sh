#!/usr/bin/env bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Format, lint and spelling: the commit hook and the first stage of CI.
#
#   tools/check.sh          every file
#   tools/check.sh --fast   the files that differ from the last commit
#   tools/check.sh FILE...  these
#
# clang-tidy needs a configured build folder: $BUILD, or build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. tools/build.sh
build=${BUILD:-build}

all_files() {
  find . \( -path './build*' -o -path './subprojects/*/*' -o -path ./.git -o -path ./.cache \) \
    -prune -o -type f -print | sed 's,^\./,,' | sort
}

changed_files() {
  { git diff --name-only --diff-filter=d HEAD; git ls-files --others --exclude-standard; } |
    sort -u
}

case ${1-} in
  '') mapfile -t files < <(all_files) ;;
  --fast) mapfile -t files < <(changed_files) ;;
  -*) sed -n '3,10s/^# \{0,1\}//p' "$0"; exit 2 ;;
  *) files=("$@") ;;
esac

cpp=() tidy=() shell=() text=()
for file in "${files[@]}"; do
  [ -f "$file" ] || continue
  case $file in
    *.cpp | *.hpp | *.h) cpp+=("$file") ;;&
    gst/*.cpp | tools/*.cpp) tidy+=("$file") ;;&
    COPYING | tests/fuzz/corpus/* | tests/vectors/*.jsonl) continue ;;
  esac
  text+=("$file")
  case $file in
    *.sh) shell+=("$file") ;;
    .*/* | tools/* | tests/*)
      read -r -n 20 first <"$file" 2>/dev/null || true
      [[ ${first-} != '#!'*sh* ]] || shell+=("$file") ;;
  esac
done

failed=0
run() { # TITLE COUNT COMMAND...
  local title=$1 count=$2
  shift 2
  [ "$count" -gt 0 ] || return 0
  echo "$title: $count files"
  "$@" || { echo "$title: FAILED" >&2; failed=1; }
}

# Called through run().
# shellcheck disable=SC2317
tidy_files() {
  [ -f "$build/compile_commands.json" ] || configure "$build" >/dev/null
  # "N warnings generated" is about headers that are not ours.
  printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p "$build" 2>&1 |
    { grep -v -E '^[0-9]+ warnings? (and [0-9]+ errors? )?generated' || true; }
}

run clang-format ${#cpp[@]} clang-format --dry-run -Werror "${cpp[@]}"
run shellcheck ${#shell[@]} shellcheck -x "${shell[@]}"
run codespell ${#text[@]} codespell "${text[@]}"
run clang-tidy ${#tidy[@]} tidy_files "${tidy[@]}"
exit $failed
