"""Writes whom a corpus owes what: a notice, and a table of every article and every picture.

    python -m pipelines.write_attribution --kc kc

``kc/ATTRIBUTION.md`` goes where the corpus goes; docs/rights.md says what texts and pictures ask for.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kc_schema.attribution import ATTRIBUTION, TextRights, text_rights
from kc_schema.command import Command, options
from kc_schema.image_manifest import IMAGES, ImageManifest, read_image_manifest
from kc_schema.snapshot import Snapshot, SnapshotError, open_snapshot
from kc_schema.store import Place, explain_file_errors, read_parquet, replacing, write_text

FOLDER = "attribution"
_IMAGES_IN_THE_NOTICE = 500
"""Pictures that the notice names one by one; where there are more, the table alone does."""

ARTICLES = pa.schema(
    [
        pa.field("page_id", pa.int64(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("revision_url", pa.string(), nullable=False),
        pa.field("licence", pa.string(), nullable=False),
    ]
)
PICTURES = pa.schema(
    [
        pa.field("image_id", pa.int64(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("author", pa.string(), nullable=False),
        pa.field("credit", pa.string(), nullable=False),
        pa.field("licence", pa.string(), nullable=False),
        pa.field("licence_name", pa.string(), nullable=False),
        pa.field("licence_url", pa.string(), nullable=False),
        pa.field("restrictions", pa.string(), nullable=False),
        pa.field("description_url", pa.string(), nullable=False),
    ]
)


@options
@dataclass(frozen=True, kw_only=True)
class AttributionOptions:
    """Options of ``pipelines.write_attribution``."""

    kc: Path = Path("kc")
    """The corpus' folder."""


def run(given: AttributionOptions) -> None:
    """Write notice and tables; print their paths."""
    kc = given.kc
    with Place(kc, owns=(FOLDER,), manifest=ATTRIBUTION), explain_file_errors(kc):
        snapshot = open_snapshot(kc)
        rights = text_rights(snapshot.manifest.dump)
        written = [_write(kc / FOLDER / "texts.parquet", ARTICLES, _articles(snapshot, rights))]
        notice = f"# Attribution\n\n{rights.describe()}\n"
        articles = snapshot.manifest.rows("pages")
        notice += f"`{FOLDER}/texts.parquet` lists all {articles:,} articles with their addresses.\n"
        try:
            images = read_image_manifest(kc)
        except SnapshotError:
            (kc / FOLDER / "images.parquet").unlink(missing_ok=True)
        else:
            path = kc / FOLDER / "images.parquet"
            if "licences" in images.tables:
                written.append(_write(path, PICTURES, _pictures(kc, images)))
            else:
                path.unlink(missing_ok=True)
            notice += "\n" + _describe_pictures(kc, images)
        write_text(kc / ATTRIBUTION, notice)
    for path in (kc / ATTRIBUTION, *written):
        print(path)


def _write(path: Path, schema: pa.Schema, batches: Iterator[pa.RecordBatch]) -> Path:
    with replacing(path) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
    return path


def _articles(snapshot: Snapshot, rights: TextRights) -> Iterator[pa.RecordBatch]:
    for batch in snapshot.batches("pages", ["page_id", "title", "revision_id"]):
        titles = batch["title"].to_pylist()
        columns = [
            batch["page_id"],
            batch["title"],
            pa.array([rights.page_url(title) for title in titles], pa.string()),
            pa.array(
                [rights.revision_url(number) for number in batch["revision_id"].to_pylist()], pa.string()
            ),
            pa.array([rights.licence] * len(titles), pa.string()),
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=ARTICLES)


def _pictures(kc: Path, manifest: ImageManifest) -> Iterator[pa.RecordBatch]:
    """Yield the pictures that the corpus holds; all that were planned where none were fetched."""
    records = manifest.tables.get("records")
    for number, part in enumerate(manifest.tables["licences"]):
        table = read_parquet(kc / IMAGES / part.file)
        if records is not None:
            found = read_parquet(
                kc / IMAGES / records[number].file, columns=["image_id", "status"]
            ).to_pylist()
            had = pa.array([row["image_id"] for row in found if row["status"] == "ok"], pa.int64())
            table = table.filter(pc.is_in(table["image_id"], value_set=had))
        yield from table.select(PICTURES.names).cast(PICTURES).to_batches()


def _describe_pictures(kc: Path, manifest: ImageManifest) -> str:
    if "licences" not in manifest.tables:
        return (
            "Pictures: their licences were not asked for; `python -m pipelines.build_image_kc --stage licences` does"
            " so, and no picture is to be passed on before.\n"
        )
    counts: Counter[str] = Counter()
    lines: list[str] = []
    for batch in _pictures(kc, manifest):
        for row in batch.to_pylist():
            counts[row["licence"]] += 1
            if len(lines) <= _IMAGES_IN_THE_NOTICE:
                lines.append(_line(row))
    total = sum(counts.values())
    text = f"Pictures: {total:,}, each under a licence of its own, listed in `{FOLDER}/images.parquet`:\n\n"
    text += "".join(f"- {licence}: {count:,}\n" for licence, count in sorted(counts.items()))
    if 0 < total <= _IMAGES_IN_THE_NOTICE:
        text += "\n" + "".join(f"- {line}\n" for line in lines)
    return text


def _line(row: dict[str, str]) -> str:
    """Return title, author, source and licence of a picture on one line of Markdown."""
    name = row["file"].replace("_", " ")
    where = f"[{_plain(name)}](<{row['description_url']}>)" if row["description_url"] else _plain(name)
    licence = _plain(row["licence_name"] or row["licence"])
    if row["licence_url"].startswith(("http://", "https://", "//")):
        licence = f"[{licence}](<{row['licence_url'].replace('>', '')}>)"
    author = _plain(row["author"]) or "author not named"
    return f"{where}: {author[:200]}; {licence}"


def _plain(text: str) -> str:
    """Return text in which Markdown finds nothing to read."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>#|" else sign for sign in text)


main = Command(
    module="pipelines.write_attribution",
    summary="Write whom a corpus owes what: sources and licences of texts and pictures.",
    options=AttributionOptions,
    run=run,
    examples="python -m pipelines.write_attribution --kc kc",
)

if __name__ == "__main__":
    sys.exit(main())
