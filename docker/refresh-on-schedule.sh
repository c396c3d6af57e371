#!/bin/sh
# Refreshes a corpus at once, and then whenever REFRESH_SCHEDULE says, for as long as the container runs. The five
# fields are cron's, in UTC; a look that finds no new dump costs seconds. A refresh that takes longer than the time to
# the next one is not begun twice. What the container's end cuts off goes on at its next start.
#   refresh-on-schedule --root /corpora/simplewiki --wiki simplewiki --contact you@example.org
set -eu
crontab=$(mktemp)
{
  printf '%s kc refresh' "${REFRESH_SCHEDULE:-23 4 * * *}"
  for argument in "$@"; do
    # In single quotes, and each of its own as '\'' : the scheduler hands the line to a shell.
    printf " '%s'" "$(printf '%s' "$argument" | sed "s/'/'\\\\''/g")"
  done
  echo
} > "$crontab"
supercronic -quiet -test "$crontab"
trap 'kill "$first" 2>/dev/null; exit 143' TERM INT
kc refresh "$@" &
first=$!
status=0
wait "$first" || status=$?
echo "the first refresh ended with status $status; the next ones begin at ${REFRESH_SCHEDULE:-23 4 * * *}"
exec supercronic -passthrough-logs "$crontab"
