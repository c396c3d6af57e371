"""Read a snapshot, a retrieval cache or a run again and name everything that does not hold.

    python -m kc_schema.verify kc
    python -m kc_schema.verify caches/twitter17

Of a cache and of a run, and of a snapshot's text index and images: every file that a record lists, byte by byte. Of a
snapshot's tables: the manifest, every part's checksum, size, rows and schema; that ids ascend and are made of each
other; that every paragraph has its page and every sentence stands in its stripped paragraph, in order; that
anchors parse, are normalised and lead to no redirect; that redirects end where they lead. Memory stays
bounded at any size.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kc_schema.anchors import AnchorError, parse, strip
from kc_schema.command import Command, options
from kc_schema.listed_files import (
    Damage,
    compare,
    damage_in_cache,
    damage_in_run,
    damage_in_snapshot,
    is_cache,
    is_run,
)
from kc_schema.snapshot import Manifest, Snapshot, open_snapshot, read_manifest
from kc_schema.store import Part, open_parquet
from kc_schema.tables import (
    APPARATUS,
    PARAGRAPHS_PER_PAGE,
    SENTENCES_PER_PARAGRAPH,
    SORT_KEYS,
    TEXT_TABLES,
    fits_schema,
    is_normalised,
    paragraph_id,
    sentence_id,
)

EXAMPLES_PER_PROBLEM = 5
_ITEM = re.compile(r"Q[1-9][0-9]*")
KINDS = {"prose", "list", "quote", APPARATUS}
PLACES = {"infobox", "thumbnail", "gallery", "multiple_image", "inline"}


@dataclass(slots=True)
class Faults:
    """What does not hold: a count and the first few places for each kind of problem."""

    counts: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[str]] = field(default_factory=dict)
    checked: Counter[str] = field(default_factory=Counter)
    """Rows that were read, by table, anchors, and files of what stands beside the tables."""
    remedies: dict[str, None] = field(default_factory=dict)
    """What makes anew that which is damaged, each once, in the order of the problems."""

    def add(self, problem: str, place: str) -> None:
        """Take note of a problem at a place."""
        self.counts[problem] += 1
        places = self.places.setdefault(problem, [])
        if len(places) < EXAMPLES_PER_PROBLEM:
            places.append(place)

    def add_damage(self, found: Iterable[Damage]) -> None:
        """Take note of files that differ from their records."""
        for damage in found:
            self.add(damage.problem, damage.place)
            self.remedies[damage.remedy] = None


def verify(folder: Path) -> Faults:
    """Check the snapshot, the retrieval cache or the run in `folder`.

    Raises:
        SnapshotError: there is no manifest, or it cannot be read.
        CacheError: the manifest of a cache cannot be read.
    """
    findings = Faults()
    if is_cache(folder):
        findings.add_damage(damage_in_cache(folder, findings.checked))
    elif is_run(folder):
        findings.add_damage(damage_in_run(folder, findings.checked))
    else:
        _check_snapshot(folder, findings)
        findings.add_damage(damage_in_snapshot(folder, findings.checked))
    return findings


def _check_snapshot(folder: Path, findings: Faults) -> None:
    manifest = read_manifest(folder)
    if _check_parts(folder, manifest, findings):
        snapshot = open_snapshot(folder)
        redirects = _check_redirects(snapshot, findings)
        page_ids = _check_pages(snapshot, redirects, findings)
        _check_paragraphs(snapshot, page_ids, redirects, findings)
        _check_counts(manifest, findings)
        if "repeats" in manifest.tables:
            _check_repeats(snapshot, findings)
        _check_image_links(snapshot, page_ids, findings)
    if findings.counts:
        findings.remedies["build the snapshot again with --overwrite"] = None


def _check_parts(folder: Path, manifest: Manifest, findings: Faults) -> bool:
    """Check files against the manifest; tell whether the tables can be read."""
    readable = True
    for table in (*TEXT_TABLES, "repeats"):
        if table in TEXT_TABLES and table not in manifest.tables:
            findings.add("table not in the manifest", table)
            readable = False
        listed = {folder / part.file for part in manifest.tables.get(table, [])}
        for path in sorted((folder / table).glob("*")) if (folder / table).is_dir() else []:
            if path not in listed:
                findings.add("file that the manifest does not list", str(path))
        for part in manifest.tables.get(table, []):
            readable &= _check_part(folder / part.file, part, table, findings)
    return readable


def _check_part(path: Path, part: Part, table: str, findings: Faults) -> bool:
    if (different := compare(path, part)) is not None:
        findings.add(*different)
        return False
    try:
        with open_parquet(path) as file:
            rows, found = file.metadata.num_rows, file.schema_arrow
    except (OSError, pa.ArrowInvalid) as error:
        findings.add("file is no Parquet", f"{path}: {error}")
        return False
    if rows != part.rows:
        findings.add("number of rows differs from the manifest", f"{path}: {rows}, listed {part.rows}")
    if not fits_schema(found, table):
        findings.add("schema differs", f"{path}: {found.to_string(show_schema_metadata=False)}")
        return False
    return True


def _rows(snapshot: Snapshot, table: str, findings: Faults) -> Iterator[tuple[Any, ...]]:
    """Yield a table's rows, after checking that its key ascends over all parts."""
    keys = [TEXT_TABLES[table].get_field_index(name) for name in SORT_KEYS[table]]
    last: tuple[Any, ...] | None = None
    for batch in snapshot.batches(table, rows=1 << 12):
        _check_characters(batch, table, findings)
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            findings.checked[table] += 1
            key = tuple(row[place] for place in keys)
            if last is not None and key <= last:
                findings.add(f"{table}: rows do not ascend", f"{key} after {last}")
            last = key
            yield row


def _check_characters(batch: pa.RecordBatch, table: str, findings: Faults) -> None:
    """Look for control characters that no dump can hold: all below the space but tab and line end."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if not pa.types.is_string(column.type):
            continue
        found = pc.match_substring_regex(column, r"[\x00-\x08\x0b-\x1f]")
        if pc.any(found).as_py():
            for row in batch.filter(found).to_pylist():
                place = next(iter(row.values()))
                findings.add(f"{table}: control character in {name}", f"{place}: {row[name][:100]!r}")


def _check_redirects(snapshot: Snapshot, findings: Faults) -> RedirectTitles:
    titles = RedirectTitles()
    for from_title, to_title in _rows(snapshot, "redirects", findings):
        titles.append(from_title)
        for title in (from_title, to_title):
            if not is_normalised(title):
                findings.add("redirects: title is not normalised", repr(title))
    titles.sort()
    for batch in snapshot.batches("redirects", ["from_title", "to_title"]):
        for from_title, to_title in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if to_title in titles:
                findings.add("redirects: leads to another redirect", f"{from_title} -> {to_title}")
    return titles


class RedirectTitles:
    """Titles of redirects, as 64-bit hashes in one sorted array: 100 MB for 13 million."""

    def __init__(self) -> None:
        self._blocks: list[npt.NDArray[np.int64]] = []
        self._block: list[int] = []
        self._hashes = np.empty(0, np.int64)

    def append(self, title: str) -> None:
        """Add a title, before `sort`."""
        self._block.append(hash(title))
        if len(self._block) == 1 << 20:
            self._flush()

    def _flush(self) -> None:
        self._blocks.append(np.array(self._block, np.int64))
        self._block = []

    def sort(self) -> None:
        """Make the titles ready for look-ups."""
        self._flush()
        self._hashes = np.sort(np.concatenate(self._blocks))
        self._blocks = []

    def __contains__(self, title: str) -> bool:
        value = hash(title)
        place = int(np.searchsorted(self._hashes, value))
        return place < len(self._hashes) and int(self._hashes[place]) == value


def _check_pages(snapshot: Snapshot, redirects: RedirectTitles, findings: Faults) -> npt.NDArray[np.int64]:
    ids = []
    for page_id, title, _revision, _sha1, _disambiguation, introduction, *more in _rows(
        snapshot, "pages", findings
    ):
        ids.append(page_id)
        if more and more[0] is not None and not _ITEM.fullmatch(more[0]):
            findings.add("pages: no Wikidata id", f"page {page_id}: {more[0]!r}")
        if not title:
            findings.add("pages: empty title", f"page {page_id}")
        _check_anchors(introduction, f"introduction of page {page_id}", redirects, findings)
    return np.array(ids, np.int64)


def _check_anchors(tagged: str, place: str, redirects: RedirectTitles, findings: Faults) -> None:
    if "<" not in tagged:
        return
    try:
        _, anchors = parse(tagged)
    except AnchorError as error:
        findings.add("anchors do not parse", f"{place}: {error}")
        return
    for anchor in anchors:
        findings.checked["anchors" if place.startswith("paragraph") else "anchors of introductions"] += 1
        if not is_normalised(anchor.title):
            findings.add("anchors: title is not normalised", f"{place}: {anchor.title!r}")
        elif anchor.title in redirects:
            findings.add("anchors: lead to a redirect", f"{place}: {anchor.title}")


def _check_paragraphs(
    snapshot: Snapshot,
    page_ids: npt.NDArray[np.int64],
    redirects: RedirectTitles,
    findings: Faults,
) -> None:
    """Read paragraphs and sentences side by side, both by id."""
    sentences = _rows(snapshot, "sentences", findings)
    sentence = next(sentences, None)
    for identity, page_id, _title, _section, position, kind, tagged in _rows(
        snapshot, "paragraphs", findings
    ):
        place = f"paragraph {identity}"
        if not 0 <= position < PARAGRAPHS_PER_PAGE or identity != paragraph_id(page_id, position):
            findings.add("paragraphs: id is not page_id * 2^16 + position", f"{place}: {page_id}, {position}")
        if not _is_in(page_ids, page_id):
            findings.add("paragraphs: page is missing", f"{place}: page {page_id}")
        if kind not in KINDS:
            findings.add("paragraphs: unknown kind", f"{place}: {kind!r}")
        _check_anchors(tagged, place, redirects, findings)
        while sentence is not None and sentence[1] < identity:
            findings.add("sentences: paragraph is missing", f"sentence {sentence[0]}")
            sentence = next(sentences, None)
        own = []
        while sentence is not None and sentence[1] == identity:
            own.append(sentence)
            sentence = next(sentences, None)
        if kind == APPARATUS:
            findings.checked[f"{APPARATUS} paragraphs"] += 1
            findings.checked[f"{APPARATUS} sentences"] += len(own)
        _check_sentences(own, strip(tagged), place, findings)
    while sentence is not None:
        findings.add("sentences: paragraph is missing", f"sentence {sentence[0]}")
        sentence = next(sentences, None)


def _check_counts(manifest: Manifest, findings: Faults) -> None:
    """Compare what the manifest counts of apparatus, by which an index is checked, with the tables."""
    for name in (f"{APPARATUS} paragraphs", f"{APPARATUS} sentences"):
        listed, found = manifest.counts.get(name, 0), findings.checked[name]
        if listed != found:
            findings.add(f"{name}: number differs from the manifest", f"{found}, listed {listed}")


def _check_repeats(snapshot: Snapshot, findings: Faults) -> None:
    """Look at every listed repeat and at what it repeats: their texts must be the same."""
    ids = np.concatenate(
        [
            np.empty((0, 2), np.int64),
            *(
                np.stack([column.to_numpy() for column in batch.columns], 1)
                for batch in snapshot.batches("repeats")
            ),
        ]
    )
    findings.checked["repeats"] += len(ids)
    if np.any(ids[1:, 0] <= ids[:-1, 0]):
        findings.add("repeats: rows do not ascend", str(snapshot.folder / "repeats"))
    wanted = np.unique(ids)
    hashes = np.zeros(len(wanted), np.int64)
    for batch in snapshot.batches("sentences", ["sentence_id", "text"]):
        own = batch["sentence_id"].to_numpy()
        listed = np.flatnonzero(np.isin(own, wanted[slice(*np.searchsorted(wanted, [own[0], own[-1] + 1]))]))
        texts = batch["text"].take(pa.array(listed)).to_pylist()
        hashes[np.searchsorted(wanted, own[listed])] = [hash(text) | 1 for text in texts]
    places = np.searchsorted(wanted, ids)
    for number in np.flatnonzero(np.isin(ids[:, 1], ids[:, 0])):
        findings.add("repeats: repeats what is a repeat itself", f"sentence {ids[number, 0]}")
    for number in np.flatnonzero(hashes[places[:, 0]] != hashes[places[:, 1]]):
        findings.add("repeats: the texts differ", f"sentences {ids[number, 0]} and {ids[number, 1]}")
    for sentence in wanted[hashes == 0]:
        findings.add("repeats: sentence is missing", f"sentence {sentence}")


def _check_sentences(own: list[tuple[Any, ...]], text: str, place: str, findings: Faults) -> None:
    if not own:
        findings.add("paragraphs: without a sentence", place)
    done = 0
    for expected, (identity, parent, position, sentence) in enumerate(own):
        in_range = 0 <= position < SENTENCES_PER_PARAGRAPH
        if position != expected or not in_range or identity != sentence_id(parent, position):
            findings.add("sentences: id is not paragraph_id * 2^12 + position", f"sentence {identity}")
        start = text.find(sentence, done)
        if not sentence or start < 0:
            findings.add(
                "sentences: not found in the stripped paragraph, in order", f"sentence {identity} of {place}"
            )
        else:
            done = start + len(sentence)


def _check_image_links(snapshot: Snapshot, page_ids: npt.NDArray[np.int64], findings: Faults) -> None:
    for page_id, file, _caption, where, _position in _rows(snapshot, "image_links", findings):
        if not _is_in(page_ids, page_id):
            findings.add("image_links: page is missing", f"page {page_id}, {file}")
        if where not in PLACES:
            findings.add("image_links: unknown place", f"page {page_id}, {file}: {where!r}")
        if not is_normalised(file):
            findings.add("image_links: file name is not normalised", f"page {page_id}: {file!r}")


def _is_in(ids: npt.NDArray[np.int64], value: int) -> bool:
    place = int(np.searchsorted(ids, value))
    return place < len(ids) and int(ids[place]) == value


@options
@dataclass(frozen=True)
class VerifyOptions:
    """Options of the command."""

    kc: Path
    """The folder of a snapshot, a retrieval cache or a run."""
    _: KW_ONLY
    json: bool = False
    """Print the findings as JSON."""


def run(given: VerifyOptions) -> int:
    """Print what does not hold; return 0 where everything does, else 1."""
    findings = verify(given.kc)
    if given.json:
        problems = {
            name: {"count": count, "places": findings.places[name]} for name, count in findings.counts.items()
        }
        print(json.dumps({"checked": dict(findings.checked), "problems": problems}, ensure_ascii=False))
    else:
        _print(given.kc, findings)
    return 1 if findings.counts else 0


def _print(folder: Path, findings: Faults) -> None:
    for problem, count in findings.counts.most_common():
        print(f"{problem}: {count:,}")
        for place in findings.places[problem]:
            print(f"  {place}")
    read = ", ".join(f"{count:,} {what.replace('_', ' ')}" for what, count in findings.checked.items())
    found = sum(findings.counts.values())
    verdict = "everything holds"
    if found:
        problems = "1 problem" if found == 1 else f"{found:,} problems"
        verdict = f"{problems}; to mend: {'; '.join(findings.remedies)}"
    print(f"{folder}: {verdict} ({read or 'nothing could be read'})")


main = Command(
    module="kc_schema.verify",
    summary="Check a corpus, a cache or a run: checksums, ids, anchors, tables that fit.",
    options=VerifyOptions,
    run=run,
    examples="python -m kc_schema.verify kc\npython -m kc_schema.verify caches/twitter17",
)

if __name__ == "__main__":
    sys.exit(main())
