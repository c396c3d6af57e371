"""A forecast for a person: what is to come, with intervals, in the units that people count in."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.forecast.estimate import Estimate
from pipelines.forecast.text import TextForecast

if TYPE_CHECKING:  # the image extra is no part of a plan for text
    from pipelines.forecast.images import ImageForecast

__all__ = ["bytes_of", "count_of", "show_image_forecast", "show_text_forecast", "time_of"]

Spelling = Callable[[float], str]


def show_text_forecast(console: Console, forecast: TextForecast) -> None:
    """Print what a build of the text corpus will take."""
    console.print(
        f"\n{forecast.dump}: {forecast.dump_bytes / 1e6:,.1f} MB, measured on {100 * forecast.sample:.2g}% of it in"
        f" {forecast.slices} slices",
        highlight=False,
        soft_wrap=True,
    )
    grid = _grid("The build", "what", "estimate", "nine times of ten between")
    grid.add_row("work units", f"{forecast.work_units:,}", "")
    _row(grid, "CPU", forecast.cpu_seconds, time_of)
    workers = f"{forecast.workers} worker{_plural(forecast.workers)}"
    _row(grid, f"time with {workers}", forecast.wall_seconds, time_of)
    for name, size in forecast.disk_bytes.items():
        _row(grid, _DISK[name], size, bytes_of)
    if forecast.driver_disk_bytes.value:
        _row(grid, "of it here (KC_STORAGE_CACHE)", forecast.driver_disk_bytes, bytes_of)
    memory = forecast.memory_bytes
    grid.add_row(
        "memory of a process",
        bytes_of(memory["measured"]),
        f"at most {bytes_of(memory['worker'])} at any size",
    )
    grid.add_row(f"memory of {workers} and the driver", "", f"at most {bytes_of(memory['all'])}")
    steps = _grid("CPU by step", "step", "estimate", "nine times of ten between")
    for name, seconds in forecast.steps.items():
        _row(steps, name, seconds, time_of)
    rows = _grid("Rows", "table", "estimate", "nine times of ten between")
    for name, count in forecast.rows.items():
        _row(rows, name, count, count_of)
    cluster = _grid("On Elasticsearch instead", "what", "estimate", "nine times of ten between")
    _row(cluster, "one copy on disk", forecast.elasticsearch.bytes, bytes_of)
    cluster.add_row("primary shards", f"{forecast.elasticsearch.shards:,}", "")
    _row(cluster, "loading with two cores", forecast.elasticsearch.loading_seconds, time_of)
    console.print(grid, steps, rows, cluster)


def show_image_forecast(console: Console, forecast: ImageForecast) -> None:
    """Print what a build of the image corpus will take."""
    console.print(
        f"\n{forecast.files:,} files in {forecast.parts:,} parts, measured on {forecast.sample} of them; encoder"
        f" {forecast.encoder} on {forecast.device}",
        highlight=False,
        soft_wrap=True,
    )
    grid = _grid("The build", "what", "estimate", "nine times of ten between")
    _row(grid, "images", forecast.images, count_of)
    _row(grid, "network, within the limits given", forecast.network_seconds, time_of)
    _row(grid, "CPU: decoding", forecast.decode_seconds, time_of)
    _row(grid, "GPU: encoding" if forecast.gpu_seconds else "CPU: encoding", forecast.encode_seconds, time_of)
    _row(grid, f"CPU: the index {forecast.index}", forecast.index_seconds, time_of)
    _row(
        grid,
        f"time with {forecast.workers} worker{_plural(forecast.workers)}",
        forecast.wall_seconds,
        time_of,
    )
    for name, size in forecast.disk_bytes.items():
        _row(grid, f"disk: {name}", size, bytes_of)
    console.print(grid)


def _plural(count: int) -> str:
    return "s" if count > 1 else ""


_DISK = {
    "snapshot": "disk: the snapshot",
    "work": "disk: while it is built",
    "index": "disk: the embedded index",
    "index work": "disk: while that is built",
}


def _grid(title: str, *columns: str) -> Table:
    grid = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        grid.add_column(column, justify="left" if number == 0 else "right")
    return grid


def _row(grid: Table, name: str, estimate: Estimate, spell: Spelling) -> None:
    grid.add_row(name, spell(estimate.value), f"{spell(estimate.low)} and {spell(estimate.high)}")


def time_of(seconds: float) -> str:
    """Return a time: seconds below two minutes, then minutes, then hours."""
    if seconds < 120:
        return f"{seconds:,.1f} s"
    return f"{seconds / 60:,.1f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def bytes_of(size: float) -> str:
    """Return a size in MB, or in GB from a thousand of them."""
    return f"{size / 1e6:,.1f} MB" if size < 1e9 else f"{size / 1e9:,.1f} GB"


def count_of(count: float) -> str:
    """Return a number of rows."""
    return f"{count:,.0f}"
