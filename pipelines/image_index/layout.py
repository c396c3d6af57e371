"""Where the image corpus keeps what, and the state of its steps.

::

    kc/images/manifest.json
    kc/images/{records,articles,embeddings}/part-00007.parquet
    kc/images/downloads/part-00007.tar      bytes of images that came over the network, with
    kc/images/downloads/part-00007.parquet  the places where they start
    kc/images/index.faiss, index.json
    kc/images/.state/                       plan and results of finished steps, so that none is done twice
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kc_schema.image_manifest import IMAGES
from pipelines.text_corpus.finished import read_finished, write_finished

__all__ = ["Layout"]


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of the image corpus of the snapshot in `kc`."""

    kc: Path

    @property
    def images(self) -> Path:
        """The image corpus."""
        return self.kc / IMAGES

    @property
    def state(self) -> Path:
        """What is known of finished steps."""
        return self.images / ".state"

    def part(self, table: str, number: int) -> Path:
        """Gives the place of a table's part."""
        return self.images / table / f"part-{number:05d}.parquet"

    def planned(self, number: int) -> Path:
        """Gives the place of the list of a part's files."""
        return self.state / "planned" / f"part-{number:05d}.parquet"

    def archive(self, number: int) -> Path:
        """Gives the place of the images of a part that came over the network."""
        return self.images / "downloads" / f"part-{number:05d}.tar"

    def archive_index(self, number: int) -> Path:
        """Gives the place of the list of where images lie in that archive."""
        return self.images / "downloads" / f"part-{number:05d}.parquet"

    @property
    def index(self) -> Path:
        """The served index."""
        return self.images / "index.faiss"

    @property
    def index_description(self) -> Path:
        """What is known of the served index; written last, so without it there is no index."""
        return self.images / "index.json"

    def read_state(self, step: str, number: int, fingerprint: str) -> dict[str, Any] | None:
        """Gives the result of a step for a part; None where it was not done for these inputs.

        The files that it lists must be there with their sizes.
        """
        return read_finished(self._state(step, number), fingerprint, files_in=self.images)

    def write_state(self, step: str, number: int, result: dict[str, Any]) -> None:
        """Keeps the result of a step for a part; it names its inputs in ``fingerprint``, its files in ``parts``."""
        write_finished(self._state(step, number), result)

    def _state(self, step: str, number: int) -> Path:
        return self.state / step / f"{number:05d}.json"
