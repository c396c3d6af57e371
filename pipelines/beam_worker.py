"""A worker process of a pipeline that runs on this machine: Beam's own, without its talk about itself."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pipelines.beam_run import quiet_beam
from pipelines.beam_workers import registered


def main() -> None:
    """Runs Beam's worker until the pipeline is done."""
    quiet_beam()
    # A failing worker prints its traceback and sends it to the driver as well, which says what it means.
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 (open as long as the process lives)
    with registered():
        from apache_beam.runners.worker import sdk_worker_main

        sdk_worker_main.main(sys.argv)


if __name__ == "__main__":
    main()
