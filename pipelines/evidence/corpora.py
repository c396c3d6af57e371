"""The corpora and the encoder that a build asks, opened when first needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kc_schema.attribution import text_rights
from kc_schema.entity_tables import EntityError
from kc_schema.hit import Hit
from kc_schema.snapshot import Snapshot, SnapshotError, open_snapshot
from kc_schema.wikidata_ids import WikidataIds, page_of
from pipelines.entities.lookup import EntityIndex
from pipelines.evidence import EvidenceError
from pipelines.evidence.entity_source import EntitySource
from pipelines.evidence.options import IMAGE_SOURCES, TEXT_SOURCES, Settings
from pipelines.evidence.sources import RandomText, Source, TextSource
from pipelines.text_index import TextIndex
from pipelines.text_index.connection import Tell
from pipelines.text_index.options import SearchOptions

if TYPE_CHECKING:
    from pipelines.evidence.crops import Cropper
    from pipelines.evidence.image_sources import ImageCorpus

__all__ = ["Corpora"]


@dataclass
class Corpora:
    """What there is to ask. Nothing is opened before it is used, so that text alone needs neither torch nor Faiss."""

    search: SearchOptions
    """The snapshot, and which index of its text to ask."""
    settings: Settings
    encoder_spec: str | None = None
    """As `pipelines.image_index.encoding.encoder.open_encoder` takes it; None takes the encoder of the image index."""
    encoder_cache: Path | None = None
    device: str = "auto"
    tell: Tell | None = None
    """Takes a line where a cluster that is not ready is waited for."""
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Corpora:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    @property
    def has_encoder(self) -> bool:
        """Whether examples are encoded: some source needs it, or an encoder was named."""
        return self.settings.needs_encoder or self.encoder_spec is not None

    @cached_property
    def text_snapshot(self) -> Snapshot:
        """The snapshot of the text corpus.

        Raises:
            kc_schema.snapshot.SnapshotError: there is none.
        """
        return open_snapshot(self.search.kc)

    @cached_property
    def text_index(self) -> TextIndex:
        """The text index.

        Raises:
            kc_schema.snapshot.SnapshotError: no snapshot.
            pipelines.text_index.TextIndexError: no index.
        """
        index = self.search.open_index(self.tell)
        self._stack.callback(index.close)
        return index

    @property
    def with_apparatus(self) -> bool:
        """Whether the text index that is asked finds sections of references, notes and links, too."""
        return self.settings.needs("text") and self.text_index.with_apparatus

    @cached_property
    def entities(self) -> EntityIndex:
        """The entities of the text corpus and their names.

        Raises:
            kc_schema.snapshot.SnapshotError: no snapshot.
            kc_schema.entity_tables.EntityError: no entities, or those of another state of it.
        """
        return EntityIndex(self.search.kc)

    def covered_names(self, names: Iterable[str]) -> set[str] | None:
        """Return those of some names that the corpus has an entity for; None where it has no entities."""
        try:
            return set(self.entities.aliases(names))
        except (SnapshotError, EntityError):
            return None

    def with_wikidata_ids(self, hits: Mapping[str, Sequence[Hit]]) -> dict[str, list[Hit]] | None:
        """Return hits with the Wikidata ids of their articles; None where neither corpus nor cluster knows any."""
        try:
            ids = WikidataIds(self.text_snapshot)
        except SnapshotError:
            ids = None
        if ids is not None and ids.known:
            return ids.add_to(hits)
        given = {example: list(own) for example, own in hits.items()}
        return given if any(hit.wikidata_id for own in given.values() for hit in own) else None

    @property
    def types(self) -> str | None:
        """Checksum of the file from which the entities at hand have their types; None where they have none."""
        try:
            return self.entities.manifest.types or None
        except (SnapshotError, EntityError):
            return None

    def with_types(self, hits: Mapping[str, Sequence[Hit]]) -> dict[str, list[Hit]] | None:
        """Return hits with the types of their articles; None where the corpus at hand knows none."""
        if self.types is None:
            return None
        types = self.entities.types_of({page_of(hit) for own in hits.values() for hit in own})
        return {
            example: [replace(hit, types=types.get(page_of(hit))) for hit in own]
            for example, own in hits.items()
        }

    @cached_property
    def images(self) -> ImageCorpus:
        """The image corpus.

        Raises:
            pipelines.image_index.ImageIndexError: no index, or Faiss is missing.
            kc_schema.snapshot.SnapshotError: no image corpus.
        """
        from pipelines.evidence.image_sources import ImageCorpus

        return ImageCorpus(self.search.kc)

    @cached_property
    def encoder(self) -> Any:
        """The encoder (`pipelines.image_index.encoding.encoder.Encoder`), that of the image index where that is asked.

        Raises:
            pipelines.image_index.EncoderError: it cannot be had.
            EvidenceError: its vectors are not of the index' space, or it cannot do what is asked of it.
        """
        from pipelines.image_index.encoding.encoder import open_encoder

        spec = self.encoder_spec
        if spec is None:
            spec = self.images.index.encoder.name
        encoder = open_encoder(spec, device=self.device, cache=self.encoder_cache)
        if self.settings.needs("sentence_image", "image", "object"):
            self.images.check_encoder(encoder)
        if not encoder.has_text_tower and (
            self.settings.needs("sentence_image") or self.settings.rerank_by_image
        ):
            raise EvidenceError(
                f"encoder {encoder.name}: it encodes images only, so sentence_image and --rerank-by-image do not go"
            )
        return encoder

    def source(self, name: str, cropper: Cropper) -> Source:
        """Return one of the sources that read a corpus, ready to be asked.

        Raises:
            kc_schema.errors.UserError: its corpus or the encoder cannot be opened.
        """
        limits, seed = self.settings.sources[name], self.settings.seed
        if name == "text":
            return TextSource(self.text_index, limits.candidates)
        if name == "entity":
            return EntitySource(self.entities, self.text_snapshot, limits.candidates)
        if name == "random_text":
            return RandomText(self.text_snapshot, limits.k, seed, self.with_apparatus)
        from pipelines.evidence.image_sources import NearestImages, NearestToCrops, RandomImages

        if name == "random_image":
            return RandomImages(self.images, limits.k, seed)
        if name == "object":
            return NearestToCrops(self.images.index, limits, self.encoder, cropper)
        return NearestImages(self.images.index, limits, by_sentence=name == "sentence_image")

    def notice(self) -> str | None:
        """Return where the evidence comes from and under which licences; None where no corpus is at hand."""
        try:
            rights = text_rights(self.text_snapshot.manifest.dump)
        except SnapshotError:
            return None
        notice = rights.describe()
        if self.settings.needs(*IMAGE_SOURCES):
            notice += (
                "\nPictures: evidence of image sources names files; each has a licence of its own, which the corpus"
                f" lists where it was asked for ({self.search.kc.name}/images/licences).\n"
            )
        return notice

    def check(self) -> None:
        """Open what is asked, so that what is missing is an error at once.

        Raises:
            kc_schema.errors.UserError: a corpus that cannot be opened, or that does not fit another.
        """
        self.snapshots()

    def snapshots(self) -> dict[str, str]:
        """Return corpus -> id of its state, for the corpora that are asked.

        Raises:
            EvidenceError: index and tables of the text belong to different snapshots.
        """
        found: dict[str, str] = {}
        if self.settings.needs("text"):
            found["text"] = self.text_index.fingerprint
        if self.settings.needs("random_text", "entity"):
            own = (
                self.entities.fingerprint if self.settings.needs("entity") else self.text_snapshot.fingerprint
            )
            if found.setdefault("text", own) != own:
                raise EvidenceError(
                    f"{self.search.kc}: the snapshot there is not the one that was loaded into the cluster; load it"
                    f" with: python -m pipelines.index_text --kc {self.search.kc} --text-index elasticsearch"
                )
        if self.settings.needs(*IMAGE_SOURCES):
            found["image"] = self.images.snapshot
        if self.settings.needs(*TEXT_SOURCES, *IMAGE_SOURCES) and self.types is not None:
            found["types"] = self.types
        return found
