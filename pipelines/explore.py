"""Lets a corpus, a cache and a run be looked at in a browser.

python -m pipelines.explore --kc kc
python -m pipelines.explore --kc kc --cache caches/twitter17 --run runs/twitter17 --images data/twitter17/images
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from kc_schema.command import Command, options
from kc_schema.errors import UsageError
from pipelines.serve import ListenOptions, PictureOptions, serve
from pipelines.text_index.options import SearchOptions

EXAMPLES = """\
python -m pipelines.explore --kc kc
python -m pipelines.explore --kc kc --cache caches/twitter17 --run runs/twitter17 --images data/twitter17/images
"""


@options
@dataclass(frozen=True, kw_only=True)
class ExploreOptions:
    """What the command takes."""

    cache: Path | None = None
    """A retrieval cache, whose examples are shown with their evidence."""
    run: Path | None = None
    """A run on this cache: what its experts and mixtures say is shown, too."""
    images: Path | None = None
    """Folder of the data set's images."""
    index: SearchOptions = field(default_factory=SearchOptions)
    listen: ListenOptions = field(default_factory=ListenOptions)
    pictures: Annotated[PictureOptions, Parameter(group="Images")] = field(default_factory=PictureOptions)

    def check(self) -> None:
        """Refuse options that do not go together.

        Raises:
            UsageError: a run or images without a cache.
        """
        if self.cache is None and (self.run is not None or self.images is not None):
            raise UsageError("--run and --images belong to --cache DIR")


def run(given: ExploreOptions) -> None:
    """Open what is to be looked at, and show it until stopped."""
    given.check()
    from kc_schema.retrieval_cache import open_cache
    from kc_schema.run_files import open_run_files
    from pipelines.explorer.examples import Examples
    from pipelines.explorer.site import add_pages

    examples = None
    if given.cache is not None:
        cache = open_cache(given.cache)
        fitted = None if given.run is None else open_run_files(given.run, cache)
        examples = Examples(cache, fitted, given.images)
    serve(
        given.index,
        given.listen,
        given.pictures,
        lambda address: f"look at it in a browser: {address}/ ; Ctrl-C ends it",
        lambda service: add_pages(service, examples),
    )


main = Command(
    "pipelines.explore",
    "Look at a corpus, a cache and a run in a browser.",
    ExploreOptions,
    run,
    examples=EXAMPLES,
    extra="image",
)

if __name__ == "__main__":
    sys.exit(main())
