"""A worker process of Beam on a machine of a cluster on which the project is installed: ``kc-beam-worker``.

Beam's own launcher of Python workers comes in its container images only. This one does the same for an installed
project: a runner starts it with the addresses at which it is to ask what there is to do
(``--environment_type=PROCESS --environment_config={"command":"kc-beam-worker"}``). The contract:
https://beam.apache.org/documentation/runtime/sdk-harness-config/ and "Beam Fn API: How to send and receive data",
section "Container contract". What the driver staged is not fetched: the code that runs is the code that is installed.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Sequence

__all__ = ["main"]

_SECONDS_TO_PROVISION = 60
_SECONDS_BETWEEN_LOOKS = 1.0


def main(argv: Sequence[str] | None = None) -> int:
    """Work for the runner whose addresses stand in `argv` until it hangs up; return the exit status."""
    parser = argparse.ArgumentParser(prog="kc-beam-worker", description=__doc__, allow_abbrev=False)
    parser.add_argument("--id", required=True, help="name that the runner gives to this worker")
    for name in ("logging", "artifact", "provision", "control"):
        parser.add_argument(f"--{name}_endpoint", default="", metavar="HOST:PORT")
    parser.add_argument("--semi_persist_dir", default="", help="folder that lives as long as the worker")
    given, _ = parser.parse_known_args(argv)
    if not (given.provision_endpoint or given.control_endpoint):
        parser.error("a runner of Beam starts this program, with --provision_endpoint or --control_endpoint")
    # Beam reads these when it is imported.
    os.environ["WORKER_ID"] = given.id.strip("'")
    os.environ["SEMI_PERSISTENT_DIRECTORY"] = given.semi_persist_dir or "/tmp"
    _end_with_parent(os.getppid())
    os.environ.update(_provision(given))
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main([])
    return 0


def _provision(given: argparse.Namespace) -> dict[str, str]:
    """Return what Beam's worker finds in its environment: the pipeline's options and two addresses."""
    options, control, logging = "{}", given.control_endpoint, given.logging_endpoint
    if given.provision_endpoint:
        import grpc
        from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc
        from apache_beam.runners.worker.worker_id_interceptor import WorkerIdInterceptor
        from google.protobuf import json_format

        with grpc.insecure_channel(given.provision_endpoint) as channel:
            stub = beam_provision_api_pb2_grpc.ProvisionServiceStub(
                grpc.intercept_channel(channel, WorkerIdInterceptor(os.environ["WORKER_ID"]))
            )
            request = beam_provision_api_pb2.GetProvisionInfoRequest()
            info = stub.GetProvisionInfo(request, timeout=_SECONDS_TO_PROVISION).info
        options = json_format.MessageToJson(info.pipeline_options)
        control = control or info.control_endpoint.url
        logging = logging or info.logging_endpoint.url
    return {
        "PIPELINE_OPTIONS": options,
        "CONTROL_API_SERVICE_DESCRIPTOR": f'url: "{control}"',
        "LOGGING_API_SERVICE_DESCRIPTOR": f'url: "{logging}"',
    }


def _end_with_parent(parent: int) -> None:
    """End this process when the one that started it is gone: its results would reach nobody."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
