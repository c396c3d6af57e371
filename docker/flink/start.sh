#!/bin/sh
# flink-start job-manager | task-manager | job-server: one process of a Flink session cluster, in the foreground.
set -eu
opens=""
for package in java.lang java.lang.reflect java.util java.util.concurrent java.io java.net java.nio java.time sun.nio.ch; do
  opens="$opens --add-opens=java.base/$package=ALL-UNNAMED"
done
run() {
  # shellcheck disable=SC2086
  exec java ${JAVA_MEMORY:--Xmx512m} $opens -cp '/opt/flink:/opt/flink/lib/*' "$@"
}
case "${1:-}" in
  job-manager)
    run org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint --configDir /opt/flink/conf --executionMode cluster ;;
  task-manager)
    run org.apache.flink.runtime.taskexecutor.TaskManagerRunner --configDir /opt/flink/conf ;;
  job-server)
    run ThinJobServer --flink-master="${FLINK_MASTER:-job-manager:8081}" --job-host="${JOB_HOST:-job-server}" --job-port=8099 \
      --artifact-port=8098 --expansion-port=0 --artifacts-dir=/shared/.beam-artifacts ;;
  *)
    echo "give job-manager, task-manager or job-server" >&2
    exit 2 ;;
esac
