#!/bin/sh
# Add one to a counter that many processes share, and print the new value.
#
#   counter.sh MODEL NAME
#
# Read, compute, and write only if nothing was written in between; else begin again. No increment is lost.
set -eu
model=${1:?usage: counter.sh MODEL NAME}
name=${2:?usage: counter.sh MODEL NAME}

# 66: no such model, or no such data yet.
version_of() {
  status=0
  json=$(swamp data get "$model" "$name" --metadata --json 2>/dev/null) || status=$?
  case $status in
    0) printf '%s\n' "$json" | sed 's/.*"version":\([0-9]*\).*/\1/' ;;
    66) echo 0 ;;
    *) exit "$status" ;;
  esac
}

while :; do
  version=$(version_of)
  value=0
  if [ "$version" -gt 0 ]; then value=$(swamp data get "$model" "$name" --version "$version"); fi
  status=0
  echo "$((value + 1))" | swamp data put "$model" "$name" --create --expect-version "$version" >/dev/null 2>&1 || status=$?
  case $status in
    0) break ;;
    73) ;; # another process was first
    *) exit "$status" ;;
  esac
done
echo "$((value + 1))"
