"""Exports a retrieval cache for other programs.

    python -m kc_schema.export --cache caches/twitter17 --format adaseq

``adaseq`` and ``kb-ner`` are CoNLL files with the evidence behind ``<EOS>``, one folder a source; ``jsonl`` is one
object an example; ``datasets`` is a folder that Hugging Face's ``datasets.load_dataset`` opens.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.anchors import AnchorError, Spelling, parse, render
from kc_schema.files import write_atomically
from kc_schema.retrieval_cache import CacheError, Example, Hit, RetrievalCache, open_cache

__all__ = ["FORMATS", "ConllRules", "conll_rows", "export"]

FORMATS = ("adaseq", "kb-ner", "jsonl", "datasets")

EXAMPLE = """\
examples:
  python -m kc_schema.export --cache caches/twitter17 --format datasets
  python -m kc_schema.export --cache caches/twitter17 --format adaseq --source text --k 5
  python -m kc_schema.export --cache caches/twitter17 --format kb-ner --tokenizer xlm-roberta-large
"""

SEPARATOR = "<EOS>"
STOP_BELOW = 10
"""With fewer free sub-tokens than this no further context is tried, as KB-NER does."""


@dataclass(frozen=True)
class ConllRules:
    """How sentences and their evidence become rows."""

    spelling: Spelling
    context_label: str
    """Label of the separator and of the words of the evidence: masked out of the loss by its reader."""
    sub_tokens: Callable[[str], int] | None = None
    """Counts the sub-tokens of a text; None keeps all evidence."""
    limit: int = 510
    """Sub-tokens of sentence, separator and evidence; evidence that does not fit whole is left out."""
    counts: Counter[str] = field(default_factory=Counter)
    """What was changed or left out."""


CONLL = {"adaseq": (Spelling.MORE, "X"), "kb-ner": (Spelling.KB_NER, "B-X")}
"""Format -> spelling of anchors, label of context rows: AdaSeq masks ``X``, KB-NER ``B-X``."""


def conll_rows(example: Example, hits: Sequence[Hit], rules: ConllRules) -> Iterator[str]:
    """Gives the rows of an example, token and label divided by a tab, without line ends.

    Evidence is ``[ Title ] text`` with its anchors, divided at white space. Both readers divide rows at any
    white space, so that inside a token it is written ``_``.
    """
    for token, label in zip(example.tokens, example.labels or (), strict=True):
        yield f"{_visible(token, rules.counts)}\t{label}"
    contexts = [_context(hit, rules) for hit in hits]
    kept = _fitting(" ".join(example.tokens), contexts, rules)
    if kept:
        yield f"{SEPARATOR}\t{rules.context_label}"
    for context in kept:
        for word in context.split():
            yield f"{word}\t{rules.context_label}"


def _visible(token: str, counts: Counter[str]) -> str:
    if token and not any(character.isspace() for character in token):
        return token
    counts["tokens with white space, which is written _"] += 1
    return "".join("_" if character.isspace() else character for character in token) or "_"


def _context(hit: Hit, rules: ConllRules) -> str:
    text = hit.text
    if rules.spelling is not Spelling.MORE:
        try:
            plain, anchors = parse(text)
            text = render(plain, anchors, spelling=rules.spelling)
        except AnchorError:
            rules.counts["hits whose tags do not pair, left as they are"] += 1
    return f"[ {hit.title} ] {text}" if hit.title else text


def _fitting(sentence: str, contexts: Sequence[str], rules: ConllRules) -> list[str]:
    if rules.sub_tokens is None:
        return [context for context in contexts if context.strip()]
    room = rules.limit - rules.sub_tokens(sentence) - rules.sub_tokens(SEPARATOR)
    kept = []
    for context in contexts:
        if room < STOP_BELOW:
            break
        size = rules.sub_tokens(context)
        if 0 < size <= room:
            kept.append(context)
            room -= size
    rules.counts["hits that do not fit"] += len(contexts) - len(kept)
    return kept


def export(
    cache: RetrievalCache,
    form: str,
    output: Path,
    *,
    sources: Sequence[str] | None = None,
    k: int | None = None,
    sub_tokens: Callable[[str], int] | None = None,
    limit: int = 510,
) -> tuple[list[Path], Counter[str]]:
    """Writes a cache in a format of `FORMATS`; gives the files, and what was changed or left out.

    Args:
        output: the folder to write to.
        sources: sources of evidence; None takes all.
        k: hits an example, the best ones; None takes all.
        sub_tokens: CoNLL only, see `ConllRules`.
        limit: likewise.

    Raises:
        CacheError: a source that the cache does not have, or CoNLL of a cache of relations.
    """
    chosen = list(cache.sources if sources is None else sources)
    for source in chosen:
        if source not in cache.sources:
            known = ", ".join(cache.sources) or "none"
            raise CacheError(f"cache {cache.folder}: no source {source!r}; it has {known}")
    if form in CONLL:
        if cache.task != "ner":
            raise CacheError(
                f"cache {cache.folder}: {form} is for NER; export relations as jsonl or datasets"
            )
        rules = ConllRules(*CONLL[form], sub_tokens=sub_tokens, limit=limit)
        paths = [
            _write_conll(cache, output, source, split, k, rules)
            for source in chosen or [""]
            for split in cache.splits
        ]
        return paths, rules.counts
    if form == "jsonl":
        return [_write_json_lines(cache, output, chosen, split, k) for split in cache.splits], Counter()
    paths = [_write_parquet(cache, output, chosen, split, k) for split in cache.splits]
    return [*paths, _write_card(cache, output)], Counter()


def _write_conll(
    cache: RetrievalCache, output: Path, source: str, split: str, k: int | None, rules: ConllRules
) -> Path:
    hits = cache.hits(source, split) if source else {}
    lines: list[str] = []
    for example in cache.examples(split):
        lines += conll_rows(example, hits.get(example.example_id, [])[:k], rules)
        lines.append("")
    return _write_text(output / source / f"{split}.txt", "".join(f"{line}\n" for line in lines))


def _write_json_lines(
    cache: RetrievalCache, output: Path, sources: Sequence[str], split: str, k: int | None
) -> Path:
    evidence: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for source in sources:
        for row in cache.hits_table(source, split).to_pylist():
            own = evidence.setdefault(row.pop("example_id"), {}).setdefault(source, [])
            if k is None or len(own) < k:
                own.append(row)
    lines = []
    for row in cache.examples_table(split).to_pylist():
        found = evidence.get(row["example_id"], {})
        row = {name: value for name, value in row.items() if value is not None}
        row["evidence"] = {source: found.get(source, []) for source in sources}
        lines.append(json.dumps(row, ensure_ascii=False) + "\n")
    return _write_text(output / f"{split}.jsonl", "".join(lines))


def _write_parquet(
    cache: RetrievalCache, output: Path, sources: Sequence[str], split: str, k: int | None
) -> Path:
    """Writes examples, a column ``hits_SOURCE`` a source (lists of structs), and the features."""
    table = cache.examples_table(split)
    ids = {name: place for place, name in enumerate(table.column("example_id").to_pylist())}
    for source in sources:
        table = table.append_column(f"hits_{source}", _lists(cache.hits_table(source, split), ids, k))
    if cache.feature_widths:
        features = cache.features_table(split)
        for name in features.column_names[1:]:
            column = features.column(name)
            if pa.types.is_fixed_size_list(column.type) or pa.types.is_list(column.type):
                column = column.cast(pa.list_(pa.float32()))
            table = table.append_column(name, column)
    path = output / "data" / f"{split}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    table = table.replace_schema_metadata(None)
    write_atomically(path, lambda place: pq.write_table(table, place, compression="zstd"))
    return path


def _lists(hits: pa.Table, places: dict[str, int], k: int | None) -> pa.Array:
    """Gives hits, which lie in the order of the examples, as one list an example."""
    owners = np.array([places[name] for name in hits.column("example_id").to_pylist()], np.int64)
    starts = np.searchsorted(owners, np.arange(len(places) + 1))
    if k is not None:
        keep = np.arange(len(owners)) - starts[owners] < k
        hits, owners = hits.filter(pa.array(keep)), owners[keep]
        starts = np.searchsorted(owners, np.arange(len(places) + 1))
    names = [name for name in hits.column_names if name != "example_id"]
    rows = pa.StructArray.from_arrays([hits.column(name).combine_chunks() for name in names], names)
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), rows)


def _write_card(cache: RetrievalCache, output: Path) -> Path:
    """Writes the card from which `datasets` takes the splits' files."""
    files = "".join(f"  - split: {split}\n    path: data/{split}.parquet\n" for split in cache.splits)
    card = (
        f"---\nconfigs:\n- config_name: default\n  data_files:\n{files}---\n\n"
        f"# {cache.dataset}\n\nExamples of {cache.dataset} with the evidence of a retrieval cache"
        f" ({', '.join(cache.sources) or 'none'}).\n"
    )
    return _write_text(output / "README.md", card)


def _write_text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda place: place.write_text(text, encoding="utf-8", newline="\n"))
    return path


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Gives the command's options."""
    parser = argparse.ArgumentParser(
        prog="python -m kc_schema.export",
        description="Write a retrieval cache in the format of another program.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--cache", required=True, metavar="DIR", help="the cache's folder")
    parser.add_argument("--format", required=True, choices=FORMATS)
    parser.add_argument("--output", metavar="DIR", help="(default: CACHE-FORMAT, beside the cache)")
    parser.add_argument("--source", action="append", metavar="NAME", help="(default: all); may be repeated")
    parser.add_argument("--k", type=int, metavar="N", help="hits an example, at most (default: all)")
    parser.add_argument(
        "--tokenizer",
        metavar="NAME",
        help="adaseq, kb-ner: leave out evidence that does not fit whole into the encoder of this name",
    )
    parser.add_argument(
        "--limit", type=int, default=510, metavar="N", help="its sub-tokens, with --tokenizer (default: 510)"
    )
    arguments = parser.parse_args(argv)
    if arguments.k is not None and arguments.k < 1:
        parser.error(f"argument --k: {arguments.k} is not 1 or more")
    if arguments.tokenizer and arguments.format not in CONLL:
        parser.error("argument --tokenizer: it goes with adaseq and kb-ner")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; gives its exit status."""
    arguments = parse_arguments(argv)
    folder = Path(arguments.cache)
    output = arguments.output or folder.resolve().with_name(f"{folder.resolve().name}-{arguments.format}")
    try:
        paths, counts = export(
            open_cache(folder, verify=True),
            arguments.format,
            Path(output),
            sources=arguments.source,
            k=arguments.k,
            sub_tokens=_counter(arguments.tokenizer) if arguments.tokenizer else None,
            limit=arguments.limit,
        )
    except (CacheError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for path in paths:
        print(path)
    for what, count in sorted(counts.items()):
        if count:
            print(f"{what}: {count:,}", file=sys.stderr)
    return 0


def _counter(name: str) -> Callable[[str], int]:
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise CacheError(f"--tokenizer needs transformers ({error}); install the training extra") from error
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise CacheError(f"--tokenizer {name}: cannot be loaded: {str(error).splitlines()[0]}") from error
    return lambda text: len(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


if __name__ == "__main__":
    sys.exit(main())
