#!/usr/bin/env bash
# Many operations by one process: session.bash MODEL COUNT puts and gets COUNT values. Needs bash (coproc).
set -euo pipefail
model=$1 count=$2

coproc SWAMP { swamp session; }
in=${SWAMP[1]} out=${SWAMP[0]} pid=$SWAMP_PID

# One request, and its reply in $reply; fails where the reply is an error.
ask() {
  printf '%s\n' "$1" >&"$in"
  IFS= read -r reply <&"$out"
  case $reply in *'"error":'*) echo "$reply" >&2; return 1 ;; esac
}

for ((i = 1; i <= count; i++)); do
  ask '{"id":'$i',"op":"data.put","args":{"model":"'$model'","name":"n/'$i'","source":"value '$i'","create":true}}'
done
ask '{"id":"last","op":"data.get","args":{"model":"'$model'","name":"n/'$count'"}}'
[[ $reply =~ '"content":"'([^\"]*)'"' ]] && echo "${BASH_REMATCH[1]}"

# The end of its input ends the session, with 0.
exec {in}>&-
wait "$pid"
