#!/bin/sh
# Refreshes a corpus once a day, for as long as the container runs. A day without a new dump costs seconds.
#   refresh-daily --root /corpora/simplewiki --wiki simplewiki --contact you@example.org
set -u
trap 'kill "$child" 2>/dev/null; exit 0' TERM INT
while true; do
  kc refresh "$@" &
  child=$!
  wait "$child"
  echo "refresh ended with status $?; the next one begins in a day"
  sleep "${SECONDS_BETWEEN_REFRESHES:-86400}" &
  child=$!
  wait "$child"
done
