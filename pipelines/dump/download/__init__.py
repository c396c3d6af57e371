"""Dumps from a server: which runs are complete, and their files, fetched politely and checked.

It turns no dump into rows, so a change here asks for no corpus to be built again.
"""

from pipelines.dump.download.fetch import Download, download_run, fetch_newest, wait_for_run
from pipelines.dump.download.runs import DumpRun, Found, NoRunError, find_run, split_what
from pipelines.dump.download.server import PUBLIC_SERVER, DownloadError, DumpServer, Politeness, RunGoneError

__all__ = [
    "PUBLIC_SERVER",
    "Download",
    "DownloadError",
    "DumpRun",
    "DumpServer",
    "Found",
    "NoRunError",
    "Politeness",
    "RunGoneError",
    "download_run",
    "fetch_newest",
    "find_run",
    "split_what",
    "wait_for_run",
]
