"""Times an update of the embedded index by page against a build anew, on invented articles, by the share that changes.

    python -m tests.bench.bench_index_update --sentences 300000 --shares 0 0.01 0.1 0.5 0.9 1

Every sentence of a page that changes has another text, the worst case. Printed: CPU seconds of this process with one
worker, and whether the files are the same.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kc_schema.snapshot import open_snapshot, write_manifest
from kc_schema.store import describe_part
from kc_schema.tables import PARAGRAPHS_PER_PAGE, SENTENCES_PER_PARAGRAPH
from pipelines.text_corpus.part_files import write_rows
from pipelines.text_index.embedded_build import build_embedded_index
from pipelines.text_index.embedded_files import index_folder
from tests.bench.invented_text import write_corpus


def change_sentences(older: Path, newer: Path, share: float) -> None:
    """Write a snapshot in which all sentences of a share of the pages, drawn by chance, have another text."""
    shutil.copytree(older, newer, ignore=shutil.ignore_patterns("text_index", ".*"))
    manifest = open_snapshot(older).manifest
    for place, part in enumerate(manifest.tables["sentences"]):
        rows = pq.read_table(newer / part.file)
        pages = rows["sentence_id"].to_numpy() // (PARAGRAPHS_PER_PAGE * SENTENCES_PER_PARAGRAPH)
        drawn = np.random.default_rng(place).random(int(pages[-1]) + 1) < share
        texts = pc.if_else(
            pa.array(drawn[pages]), pc.binary_join_element_wise(rows["text"], "Changed.", " "), rows["text"]
        )
        write_rows(newer / part.file, "sentences", rows.set_column(3, rows.field("text"), texts))
        manifest.tables["sentences"][place] = describe_part(newer / part.file, newer)
    write_manifest(newer, manifest)


def build(kc: Path, older: Path | None) -> tuple[float, dict[str, bytes]]:
    """Return the CPU seconds of a build, and the files that it made."""
    shutil.rmtree(index_folder(kc), ignore_errors=True)
    started = time.process_time()
    build_embedded_index(kc, older=older)
    taken = time.process_time() - started
    return taken, {path.name: path.read_bytes() for path in index_folder(kc).iterdir()}


def main() -> None:
    """Run the benchmark and print a line for each share."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sentences", type=int, default=300_000)
    parser.add_argument("--shares", nargs="+", type=float, default=[0, 0.01, 0.1, 0.5, 0.9, 1])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-index-update-") as name:
        older, newer = write_corpus(Path(name) / "older", given.sentences), Path(name) / "newer"
        build(older, None)
        change_sentences(older, newer, 0.01)
        build(newer, older)  # the first run compiles
        for share in given.shares:
            shutil.rmtree(newer)
            change_sentences(older, newer, share)
            anew, expected = build(newer, None)
            updated, files = build(newer, older)
            print(
                f"{share:.0%} changed: anew {anew:.2f} CPU s, updated {updated:.2f} ({updated / anew:.2f});"
                f" the same files: {files == expected}",
                flush=True,
            )


if __name__ == "__main__":
    main()
