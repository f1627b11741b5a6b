# shellcheck shell=bash
# How each script here begins: sourced with the folder of netlab, it names a laboratory that is
# nobody else's and a folder for what is written, and clears both away however the script ends,
# after it has ended those in `pids`.
netlab=$1/netlab
export NETLAB=kam$$
scratch=$(mktemp -d)

# shellcheck disable=SC2154  # `pids` is an array of the script, by number or by name
clean_up() {
  [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
  wait
  "$netlab" down
  rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

fail() {
  echo "FAILED: $*" >&2
  tail -n 40 "$scratch"/*.log | cut -c 1-300 >&2
  exit 1
}

need_elements() {
  local element
  for element; do
    gst-inspect-1.0 "$element" >/dev/null 2>&1 || { echo "there is no element $element"; exit 77; }
  done
}
