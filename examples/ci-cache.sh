#!/bin/sh
# A cache of build results that CI jobs on one machine share.
#
#   ci-cache.sh MODEL KEY-FILE OUTPUT COMMAND...
#
# The key is the checksum of KEY-FILE (a lock file, say). When the cache has a result for it, OUTPUT is written from there; else COMMAND
# makes OUTPUT, and it is stored for the next job. Put the datastore where `git clean` does not remove it (`datastore.path`).
set -eu
usage='usage: ci-cache.sh MODEL KEY-FILE OUTPUT COMMAND...'
model=${1:?$usage}
key_file=${2:?$usage}
output=${3:?$usage}
shift 3

key=$(sha256sum <"$key_file" | cut -c1-64)
status=0
swamp data get "$model" "$key" --verify -o "$output" --quiet 2>/dev/null || status=$?
case $status in
  0) echo "hit $key" ;;
  66)
    echo "miss $key"
    "$@"
    # Two jobs that missed at once store the same content; --if-changed keeps one version of it.
    swamp data put "$model" "$key" "$output" --create --if-changed --quiet
    ;;
  *) exit "$status" ;;
esac
