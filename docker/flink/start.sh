#!/bin/sh
# flink-start job-manager | task-manager | job-server: one process of a Flink session cluster, in the foreground.
# FLINK_HOME: folder of lib, conf and ThinJobServer.class; ARTIFACTS: what the job server keeps for the workers.
set -eu
home=${FLINK_HOME:-/opt/flink}
opens=""
for package in java.lang java.lang.reflect java.util java.util.concurrent java.io java.net java.nio java.time sun.nio.ch; do
  opens="$opens --add-opens=java.base/$package=ALL-UNNAMED"
done
run() {
  # shellcheck disable=SC2086
  exec java ${JAVA_MEMORY:--Xmx512m} $opens -cp "$home:$home/lib/*" "$@"
}
case "${1:-}" in
  job-manager)
    run org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint --configDir "$home/conf" --executionMode cluster ;;
  task-manager)
    run org.apache.flink.runtime.taskexecutor.TaskManagerRunner --configDir "$home/conf" ;;
  job-server)
    run ThinJobServer --flink-master="${FLINK_MASTER:-job-manager:8081}" --job-host="${JOB_HOST:-job-server}" --job-port=8099 \
      --artifact-port=8098 --expansion-port=0 --artifacts-dir="${ARTIFACTS:-/shared/.beam-artifacts}" ;;
  *)
    echo "give job-manager, task-manager or job-server" >&2
    exit 2 ;;
esac
