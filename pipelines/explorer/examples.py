"""A data set's examples with their evidence and, with a run, with what its experts and mixtures say."""

from __future__ import annotations

import itertools
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

from kc_schema.errors import UserError
from kc_schema.hit import Hit
from kc_schema.retrieval_cache import Example, RetrievalCache
from kc_schema.run_files import RunFiles, Verdict, spans

__all__ = ["ExampleFilter", "ExampleView", "Examples", "SourceEvidence", "TokenRow"]

IMAGE_SOURCES = ("image", "object", "sentence_image", "random_image")


@dataclass(frozen=True, slots=True)
class ExampleFilter:
    """Which examples of a split are stepped through; everything that is empty lets all through."""

    split: str = ""
    label: str = ""
    """An entity type or a relation of the gold annotation."""
    source: str = ""
    """A source that found something; with a dash in front, one that found nothing."""
    leak: str = ""
    """``yes``: some evidence gives the example away; ``no``: none does."""
    right: str = ""
    """An expert or a mixture that gives the gold answer."""
    wrong: str = ""
    """Another one that does not."""
    seed: str = ""
    """Of which of the run's seeds answers are shown, and right or wrong; the first where it is empty."""
    differ: str = ""
    """An expert or a mixture whose seeds do not all give the same answer."""

    def address(self, **changes: str) -> str:
        """Return the filter as the query of an address, with `changes` made."""
        from urllib.parse import urlencode

        values = {name: changes.get(name, getattr(self, name)) for name in self.__dataclass_fields__}
        return urlencode({name: value for name, value in values.items() if value})


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A word of the sentence with its gold label and what every variant says of it."""

    token: str
    gold: str
    said: list[tuple[str, float, bool]]
    """Label, probability, and whether it belongs to an entity of the gold annotation (or to none, as gold)."""


@dataclass(frozen=True, slots=True)
class SourceEvidence:
    """The evidence of one source."""

    source: str
    is_image: bool
    hits: list[Hit]


@dataclass(frozen=True, slots=True)
class SeedAnswer:
    """What a variant says with one seed."""

    seed: int
    said: list[str]
    """A relation, or type and words of every entity."""
    right: bool | None
    differs: bool
    """Whether another answer is shown: that of the chosen seed."""


@dataclass(frozen=True, slots=True)
class VariantSeeds:
    """What a variant says with each seed."""

    variant: str
    answers: list[SeedAnswer]

    @property
    def differ(self) -> bool:
        """Whether they are not all the same."""
        return any(answer.differs for answer in self.answers)


@dataclass(frozen=True, slots=True)
class ExampleView:
    """One example with all that is known of it."""

    split: str
    example: Example
    tokens: list[TokenRow]
    evidence: list[SourceEvidence]
    verdicts: list[Verdict]
    seed: int
    """Whose answers these are; 0 without a run."""
    seeds: list[VariantSeeds]
    """Of every variant, where the run has several seeds."""
    place: int
    """Among the examples that the filter lets through, from 1; 0 where it is none of them."""
    count: int
    previous: str
    following: str
    has_image: bool

    @property
    def sentence(self) -> list[tuple[str, str]]:
        """The sentence with its gold labels, a word each; of a relation example what is marked stands together."""
        rows = [(row.token, "" if row.gold == "O" else row.gold) for row in self.tokens]
        if self.example.labels is not None:
            return rows
        return [
            (" ".join(token for token, _ in group), role)
            for role, group in itertools.groupby(rows, key=lambda row: row[1])
        ]


class Examples:
    """The examples of a cache."""

    def __init__(self, cache: RetrievalCache, run: RunFiles | None, images: Path | None) -> None:
        """Take note of what is shown.

        Args:
            cache: the cache.
            run: a run on it.
            images: folder of the data set's images.
        """
        self.cache = cache
        self.run = run
        self._images = images
        # A split is read once: a few thousand examples.
        self._examples = lru_cache(maxsize=8)(self._read_examples)
        self._hits = lru_cache(maxsize=64)(cache.hits)
        self.seeds = [] if run is None else run.seeds
        self._verdicts = lru_cache(maxsize=64)(self._read_verdicts)

    @property
    def first_split(self) -> str:
        """The split that is shown first: that for which a run has its answers."""
        return "test" if "test" in self.cache.splits else self.cache.splits[0]

    def labels(self, split: str) -> list[str]:
        """Return the entity types or relations of a split's gold annotation, in alphabetical order."""
        return sorted({label for example in self._examples(split) for label in _gold_labels(example)})

    def choose(self, wanted: ExampleFilter) -> list[Example]:
        """Return the examples that a filter lets through, in the data set's order.

        Raises:
            UserError: a split, a source, an expert or a mixture that there is not.
        """
        self._check(wanted)
        return [example for example in self._examples(wanted.split) if self._fits(example, wanted)]

    def view(self, wanted: ExampleFilter, example_id: str) -> ExampleView | None:
        """Return an example with its neighbours under a filter; None where the split has no such example.

        Raises:
            UserError: a split, a source, an expert or a mixture that there is not.
        """
        self._check(wanted)
        example = next((e for e in self._examples(wanted.split) if e.example_id == example_id), None)
        if example is None:
            return None
        chosen = [e.example_id for e in self.choose(wanted)]
        place = chosen.index(example_id) + 1 if example_id in chosen else 0
        seed = self.seed(wanted)
        verdicts = self._verdicts(wanted.split, seed).get(example_id, [])
        return ExampleView(
            split=wanted.split,
            example=example,
            tokens=_token_rows(example, verdicts),
            evidence=[
                SourceEvidence(
                    source, source in IMAGE_SOURCES, self._hits(source, wanted.split).get(example_id, [])
                )
                for source in self.cache.sources
            ],
            verdicts=verdicts,
            seed=seed,
            seeds=self._between_seeds(wanted.split, example, seed),
            place=place,
            count=len(chosen),
            previous=chosen[place - 2] if place > 1 else "",
            following=chosen[place] if 0 < place < len(chosen) else "",
            has_image=self.picture(example.image) is not None,
        )

    def seed(self, wanted: ExampleFilter) -> int:
        """Return the seed whose answers a filter shows; 0 without a run."""
        return int(wanted.seed) if wanted.seed else next(iter(self.seeds), 0)

    def verdicts_of(self, wanted: ExampleFilter, example_id: str) -> list[Verdict]:
        """Return what every variant of the run says of an example; nothing without a run."""
        return self._verdicts(wanted.split, self.seed(wanted)).get(example_id, [])

    def count_right(self, wanted: ExampleFilter, example_id: str) -> dict[str, int]:
        """Return of every variant with how many seeds it is right."""
        found: dict[str, int] = {}
        for seed in self.seeds:
            for verdict in self._verdicts(wanted.split, seed).get(example_id, ()):
                found[verdict.variant] = found.get(verdict.variant, 0) + (verdict.right is True)
        return found

    def _between_seeds(self, split: str, example: Example, shown: int) -> list[VariantSeeds]:
        if len(self.seeds) < 2:
            return []
        said: dict[str, dict[int, Verdict]] = {}
        for seed in self.seeds:
            for verdict in self._verdicts(split, seed).get(example.example_id, ()):
                said.setdefault(verdict.variant, {})[seed] = verdict
        found = []
        for variant, by_seed in said.items():
            usual = _answer(example, by_seed[shown]) if shown in by_seed else None
            answers = [
                SeedAnswer(seed, answer := _answer(example, verdict), verdict.right, answer != usual)
                for seed, verdict in by_seed.items()
            ]
            found.append(VariantSeeds(variant, answers))
        return found

    def picture(self, name: str | None) -> Path | None:
        """Return the file of an example's image; None where there is none to show."""
        if not name or self._images is None:
            return None
        place = PurePosixPath(name)
        # The name comes with the data: it must not lead out of the folder.
        if place.is_absolute() or ".." in place.parts or "\\" in name or "\0" in name:
            return None
        path = self._images / place
        kind = mimetypes.guess_type(name)[0] or ""
        return path if kind.startswith("image/") and path.is_file() else None

    def _read_examples(self, split: str) -> list[Example]:
        return self.cache.examples(split)

    def _read_verdicts(self, split: str, seed: int) -> dict[str, list[Verdict]]:
        return {} if self.run is None else self.run.verdicts(split, seed)

    def _check(self, wanted: ExampleFilter) -> None:
        known = {
            "split": (wanted.split, self.cache.splits),
            "source": (wanted.source.removeprefix("-"), self.cache.sources),
            "leak": (wanted.leak, ("yes", "no")),
        }
        variants = [] if self.run is None else self.run.variants
        known |= {name: (getattr(wanted, name), tuple(variants)) for name in ("right", "wrong", "differ")}
        known["seed"] = (wanted.seed, tuple(map(str, self.seeds)))
        for what, (value, there) in known.items():
            if value and value not in there:
                raise UserError(f"{what}: no {value[:100]!r}; there is {', '.join(there) or 'none'}")

    def _fits(self, example: Example, wanted: ExampleFilter) -> bool:
        if wanted.label and wanted.label not in _gold_labels(example):
            return False
        if wanted.source:
            found = bool(self._hits(wanted.source.removeprefix("-"), wanted.split).get(example.example_id))
            if found == wanted.source.startswith("-"):
                return False
        if wanted.leak:
            leaks = any(
                hit.leak
                for source in self.cache.sources
                for hit in self._hits(source, wanted.split).get(example.example_id, ())
            )
            if leaks != (wanted.leak == "yes"):
                return False
        if wanted.right or wanted.wrong:
            right = {v.variant: v.right for v in self.verdicts_of(wanted, example.example_id)}
            if wanted.right and right.get(wanted.right) is not True:
                return False
            if wanted.wrong and right.get(wanted.wrong) is not False:
                return False
        if wanted.differ:
            between = self._between_seeds(wanted.split, example, self.seed(wanted))
            if not any(seeds.differ for seeds in between if seeds.variant == wanted.differ):
                return False
        return True


def _answer(example: Example, verdict: Verdict) -> list[str]:
    """Return what a verdict says of an example, as it is shown: a relation, or the entities."""
    if example.labels is None:
        return list(verdict.labels)
    return [f"{kind} {' '.join(example.tokens[start:end])}" for kind, start, end in spans(verdict.labels)]


def _gold_labels(example: Example) -> set[str]:
    if example.labels is not None:
        return {kind for kind, _, _ in spans(example.labels)}
    return {example.relation} if example.relation else set()


def _token_rows(example: Example, verdicts: Sequence[Verdict]) -> list[TokenRow]:
    """Return the words with their labels; of a relation example with the roles of its two entities."""
    if example.labels is None:
        return [TokenRow(token, _role(example, place), []) for place, token in enumerate(example.tokens)]
    gold = spans(example.labels)
    rows = []
    for place, token in enumerate(example.tokens):
        own = next((span for span in gold if span[1] <= place < span[2]), None)
        said = []
        for verdict in verdicts:
            theirs = next((s for s in spans(verdict.labels) if s[1] <= place < s[2]), None)
            said.append((verdict.labels[place], verdict.confidence[place], theirs == own))
        rows.append(TokenRow(token, example.labels[place], said))
    return rows


def _role(example: Example, place: int) -> str:
    named = (("subject", example.subject), ("object", example.object))
    return "+".join(name for name, span in named if span is not None and span[0] <= place < span[1])
