#!/bin/sh
# A queue of jobs that many workers share. A job is data of the model; the worker whose delete removes it owns it.
#
#   job-queue.sh add MODEL COMMAND     add a job
#   job-queue.sh work MODEL            take jobs and run them until the queue is empty
#
# A delete has one winner: the others are told "alreadyDeleted". So no job runs twice. A worker that dies in the middle of a job
# has taken it along: copy the job under another name first if it must be run again then.
set -eu
action=${1:?usage: job-queue.sh add|work MODEL [COMMAND]}
model=${2:?usage: job-queue.sh add|work MODEL [COMMAND]}

case $action in
  add)
    # Names sort by time, and differ between processes.
    printf '%s\n' "${3:?usage: job-queue.sh add MODEL COMMAND}" | swamp data put "$model" "job-$(date +%s)-$$" --create --quiet
    ;;
  work)
    while :; do
      jobs=$(swamp data list "$model" --prefix job- --json | tr '{' '\n' | sed -n 's/.*"name":"\(job-[^"]*\)".*/\1/p' | sort)
      [ -n "$jobs" ] || break
      for job in $jobs; do
        command=$(swamp data get "$model" "$job" 2>/dev/null) || continue
        taken=$(swamp data delete "$model" "$job" --force --json) || continue
        case $taken in *'"alreadyDeleted":true'*) continue ;; esac
        sh -c "$command"
      done
    done
    ;;
  *)
    echo "usage: job-queue.sh add|work MODEL [COMMAND]" >&2
    exit 64
    ;;
esac
