"""The corpus that answers: opened, and opened again when a refresh has switched to another one."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from kc_schema.errors import UserError
from kc_schema.hit import Hit
from kc_schema.snapshot import MANIFEST, Snapshot, folder_behind, has_manifest, open_snapshot
from kc_schema.store import progress_interval
from pipelines.page_index import PageContent, Pages, open_pages
from pipelines.text_index import TextIndex, open_index
from pipelines.text_index.options import SearchOptions

if TYPE_CHECKING:
    from PIL import Image

    from pipelines.image_index.encoding.encoder import Encoder
    from pipelines.image_index.search import ImageIndex

__all__ = ["Corpus", "EncoderChoice", "ImageQuestion", "NotServedError", "ServedCorpus"]

_log = logging.getLogger(__name__)

T = TypeVar("T")
Vector = npt.NDArray[np.float32]
ImageQuestion: TypeAlias = "str | Image.Image | Vector"
"""What images are sought by: a sentence, an image, or a vector of the encoder's space."""


class NotServedError(UserError):
    """Something that this corpus does not have; the message says what would bring it."""


@dataclass(frozen=True)
class EncoderChoice:
    """Which encoder asks the image index, where not the one that its description names."""

    name: str | None = None
    cache: Path | None = None
    device: str = "auto"


@dataclass(frozen=True)
class Corpus:
    """One state of the corpus, opened for reading."""

    text: TextIndex
    snapshot: Snapshot | None
    """None where a cluster is asked and no folder is given."""
    pages: Pages | None
    """Likewise."""
    images: ImageIndex | None
    no_images: str
    """Why there is no image index; empty where there is one."""
    encoder: Encoder | None
    no_encoder: str
    """Why neither images nor sentences can be encoded; empty where they can."""
    opened: float = field(default_factory=time.time)

    def find_images(self, questions: Sequence[ImageQuestion], k: int) -> list[list[Hit]]:
        """Return the images nearest to sentences, images and vectors, in the order of the questions; none for no words.

        Raises:
            NotServedError: no image index, or no encoder for what is asked.
            kc_schema.errors.UserError: the index or the encoder fails.
            ValueError: a vector that the index does not take.
        """
        if self.images is None:
            raise NotServedError(self.no_images)
        vectors: dict[int, Vector] = {}
        texts: dict[int, str] = {}
        pictures: dict[int, Image.Image] = {}
        for place, question in enumerate(questions):
            if isinstance(question, str):
                if question.strip():
                    texts[place] = question
            elif isinstance(question, np.ndarray):
                vectors[place] = question
            else:
                pictures[place] = question
        if (texts or pictures) and self.encoder is None:
            raise NotServedError(self.no_encoder)
        if self.encoder is not None:
            if texts and not self.encoder.has_text_tower:
                raise NotServedError(f"encoder {self.encoder.name}: it encodes images only, not sentences")
            if texts:
                vectors |= zip(texts, self.encoder.encode_texts(list(texts.values())), strict=True)
            if pictures:
                vectors |= zip(pictures, self.encoder.encode_images(list(pictures.values())), strict=True)
        asked = sorted(vectors)
        found = self.images.search(np.stack([vectors[place] for place in asked]), k) if asked else []
        hits = dict(zip(asked, found, strict=True))
        return [hits.get(place, []) for place in range(len(questions))]

    def find_page(self, name: str) -> PageContent:
        """Return the page with this title (as displayed or normalised; a redirect's, too) or else with this id.

        Raises:
            NotServedError: there is none, or no folder of the snapshot.
            kc_schema.errors.UserError: a table cannot be read.
        """
        if self.pages is None:
            raise NotServedError("pages are read from a snapshot's folder: give it with --kc")
        found = self.pages.find(name)
        if found is None and name.isascii() and name.isdecimal() and len(name) < 19:
            found = int(name), ""
        page = None if found is None else self.pages.read(found[0], redirected_from=found[1])
        if page is None:
            raise NotServedError(f"no page {name[:100]!r} in this corpus")
        return page

    def warm_up(self) -> None:
        """Ask this corpus one question of each kind, so that nothing is compiled or loaded for the first one.

        What fails is left to the requests, which say so.
        """
        sentence = "the first question"
        with contextlib.suppress(UserError, OSError):
            if self.snapshot is not None:
                # Of unknown words nothing is looked up.
                sentence = next((str(text)[:500] for text in _some_sentences(self.snapshot)), sentence)
            self.text.search([sentence], 10)
            self.text.search([sentence, "another question"], 10)
            self.text.term_weights(sentence)
        with contextlib.suppress(UserError, OSError):
            if self.encoder is not None:
                from PIL import Image

                questions: list[ImageQuestion] = [Image.new("RGB", (64, 64))]
                self.find_images(questions + ([sentence] if self.encoder.has_text_tower else []), 10)
        with contextlib.suppress(UserError, OSError):
            if self.pages is not None:
                self.pages.find(sentence)


def _some_sentences(snapshot: Snapshot) -> Iterator[str]:
    for batch in snapshot.batches("sentences", ["text"], rows=16):
        yield from batch["text"].to_pylist()


class ServedCorpus:
    """The corpus under a name that may lead to another one at any time; safe to use from several threads."""

    def __init__(
        self,
        options: SearchOptions,
        encoder: EncoderChoice,
        *,
        tell: Callable[[str], None] = lambda _: None,
        switched: Callable[[Corpus], None] = lambda _: None,
    ) -> None:
        """Open the corpus.

        Args:
            options: where it is.
            encoder: what asks its image index.
            tell: takes a line where something takes long or is left out.
            switched: takes the corpus each time that one is opened.

        Raises:
            kc_schema.errors.UserError: there is none that can be asked.
        """
        self._options = options
        self._choice = encoder
        self._tell = tell
        self._switched = switched
        self._lock = threading.Lock()
        self._seen = self._state()
        self._corpus = self._open()
        self.trouble = ""
        """Why a newer corpus is not served; empty where the newest one is."""
        switched(self._corpus)

    @property
    def current(self) -> Corpus:
        """The corpus that answers now."""
        return self._corpus

    def with_current(self, ask: Callable[[Corpus], T]) -> T:
        """Return what `ask` gives; where the corpus was replaced meanwhile, it is asked once more of the new one.

        Raises:
            kc_schema.errors.UserError: what `ask` raises of a corpus that is still the current one.
        """
        corpus = self._corpus
        try:
            return ask(corpus)
        except NotServedError:
            raise
        except (UserError, OSError):
            self.follow()
            if self._corpus is corpus:
                raise
            return ask(self._corpus)

    @property
    def seconds_between_looks(self) -> float:
        """After how long the name is to be looked at again: in object storage every look is some requests."""
        return max(1.0, progress_interval(self._options.kc))

    def follow(self) -> bool:
        """Open the corpus that the name leads to now, where it is another one; tell whether that was so.

        One that cannot be opened is left alone until it changes, and the older one goes on to answer.
        """
        with self._lock:
            state = self._state()
            if state is None or state == self._seen:
                return False
            try:
                corpus = self._open()
                corpus.warm_up()
            except (UserError, OSError) as error:
                if str(error) != self.trouble:
                    self.trouble = str(error)
                    self._tell(f"the older corpus goes on to answer: {error}")
                return False
            self._seen = state
            older, self._corpus, self.trouble = self._corpus, corpus, ""
        self._switched(corpus)
        self._tell(f"another corpus answers now: {_name(corpus)}")
        # Who asks the older one at this moment has its threads until the end of the question.
        threading.Timer(60.0, older.text.close).start()
        return True

    def close(self) -> None:
        """Give back files and threads."""
        self._corpus.text.close()

    def _state(self) -> tuple[str, int, int] | None:
        """Return what tells one corpus under the name from another; None where there is none to be opened."""
        try:
            folder = folder_behind(self._options.kc)
            manifest = (folder / MANIFEST).stat()
        except OSError:
            return None
        return str(folder), manifest.st_ino, manifest.st_mtime_ns

    def _open(self) -> Corpus:
        # By its own name: what `current` leads to may change while it is being opened and read.
        folder = folder_behind(self._options.kc)
        cluster = self._options.cluster.connection()
        text = open_index(
            cluster or folder,
            max_document_frequency=self._options.max_document_frequency,
            index_prefix=self._options.cluster.prefix,
            tell=self._tell,
        )
        try:
            snapshot = None if cluster is not None and not has_manifest(folder) else open_snapshot(folder)
            pages = None if snapshot is None else open_pages(snapshot, self._tell)
            images, no_images = self._open_images(folder)
            encoder, no_encoder = (None, no_images) if images is None else self._open_encoder(images)
        except BaseException:
            text.close()
            raise
        return Corpus(text, snapshot, pages, images, no_images, encoder, no_encoder)

    def _open_images(self, folder: Path) -> tuple[ImageIndex | None, str]:
        from pipelines.image_index.errors import ImageIndexError
        from pipelines.image_index.search import open_index as open_images

        try:
            return open_images(folder), ""
        except ImageIndexError as error:
            return None, str(error)

    def _open_encoder(self, images: ImageIndex) -> tuple[Encoder | None, str]:
        from pipelines.image_index.encoding.encoder import open_encoder
        from pipelines.image_index.errors import EncoderError

        wanted = images.encoder
        with contextlib.suppress(AttributeError):  # none is open yet
            open_now = self._corpus.encoder
            if open_now is not None and open_now.describe().same_space(wanted):
                return open_now, ""
        name = self._choice.name or wanted.name
        self._tell(f"opening the encoder {name}")
        try:
            encoder = open_encoder(name, device=self._choice.device, cache=self._choice.cache)
        except EncoderError as error:
            if self._choice.name is not None:
                raise
            self._tell(f"images are found by vectors only: {error}")
            return None, str(error)
        if not encoder.describe().same_space(wanted):
            raise EncoderError(
                f"{encoder.name} is not the encoder of this index ({wanted.name}, weights"
                f" {wanted.weights_sha256[:16]}); give it with --encoder"
            )
        return encoder, ""


def _name(corpus: Corpus) -> str:
    return corpus.snapshot.folder.name if corpus.snapshot is not None else "the cluster's"
