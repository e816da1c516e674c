#!/bin/sh
# Add one to a counter that many processes share, and print the new value.
#
#   counter-exec.sh MODEL NAME
#
# The run lock of the model is held from the read to the write, so no other counter of this kind runs in between. Every writer of the counter must
# hold it. counter.sh shows the way without a lock.
set -eu
model=${1:?usage: counter-exec.sh MODEL NAME}
name=${2:?usage: counter-exec.sh MODEL NAME}

# 66: no such data yet. Anything else must not begin the count anew.
swamp model exec "$model" --create -- sh -euc '
  status=0
  value=$(swamp data get "$1" "$2" 2>/dev/null) || status=$?
  case $status in
    0) ;;
    66) value=0 ;;
    *) exit "$status" ;;
  esac
  echo "$((value + 1))" | swamp data put "$1" "$2" --quiet
  echo "$((value + 1))"
' sh "$model" "$name"
