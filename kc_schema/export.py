"""Exports a retrieval cache for other programs.

    python -m kc_schema.export --cache caches/twitter17 --format adaseq

``adaseq`` and ``kb-ner`` are CoNLL files with the evidence behind ``<EOS>``, one folder a source; ``jsonl`` is one
object an example; ``datasets`` is a folder that Hugging Face's ``datasets.load_dataset`` opens.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from kc_schema.anchors import AnchorError, Spelling, parse, render
from kc_schema.attribution import ATTRIBUTION, read_attribution
from kc_schema.command import Command, Positive, options
from kc_schema.contexts import pack, with_title
from kc_schema.errors import UsageError
from kc_schema.hit import Hit
from kc_schema.retrieval_cache import CacheError, Example, RetrievalCache, open_cache
from kc_schema.store import explain_file_errors, write_atomically, write_text

__all__ = ["FORMATS", "ConllRules", "conll_rows", "export"]

Format = Literal["adaseq", "kb-ner", "jsonl", "datasets"]
FORMATS: tuple[Format, ...] = get_args(Format)

EXAMPLES = """\
python -m kc_schema.export --cache caches/twitter17 --format datasets
python -m kc_schema.export --cache caches/twitter17 --format adaseq --source text --k 5
python -m kc_schema.export --cache caches/twitter17 --format kb-ner --tokenizer xlm-roberta-large
"""

SEPARATOR = "<EOS>"
Tokenize = Callable[[str], Sequence[int]]


@dataclass(frozen=True)
class ConllRules:
    """How sentences and their evidence become rows."""

    spelling: Spelling
    context_label: str
    """Label of the separator and of the words of the evidence: masked out of the loss by its reader."""
    tokenize: Tokenize | None = None
    """Returns the sub-tokens of a text; None keeps all evidence."""
    limit: int = 510
    """Sub-tokens of sentence, separator and evidence; evidence that does not fit whole is left out."""
    counts: Counter[str] = field(default_factory=Counter)
    """What was changed or left out."""


CONLL: Mapping[str, tuple[Spelling, str]] = {
    "adaseq": (Spelling.MORE, "X"),
    "kb-ner": (Spelling.KB_NER, "B-X"),
}
"""Format -> spelling of anchors, label of context rows: AdaSeq masks ``X``, KB-NER ``B-X``."""


def conll_rows(example: Example, hits: Sequence[Hit], rules: ConllRules) -> Iterator[str]:
    """Yield the rows of an example, token and label divided by a tab, without line ends.

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
    return with_title(hit, text)


def _fitting(sentence: str, contexts: Sequence[str], rules: ConllRules) -> list[str]:
    if rules.tokenize is None:
        return [context for context in contexts if context.strip()]
    tokens = [rules.tokenize(context) for context in contexts]
    packed = pack(len(rules.tokenize(sentence)), rules.tokenize(SEPARATOR), tokens, rules.limit)
    rules.counts["hits that do not fit"] += len(contexts) - packed.used
    return [contexts[place] for place in packed.places]


def export(
    cache: RetrievalCache,
    form: Format,
    output: Path,
    *,
    sources: Sequence[str] | None = None,
    k: int | None = None,
    tokenize: Tokenize | None = None,
    limit: int = 510,
) -> tuple[list[Path], Counter[str]]:
    """Write a cache in a format of `FORMATS`; return the files, and what was changed or left out.

    Args:
        output: the folder to write to.
        sources: sources of evidence; None takes all.
        k: hits an example, the best ones; None takes all.
        tokenize: CoNLL only, see `ConllRules`.
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
        rules = ConllRules(*CONLL[form], tokenize=tokenize, limit=limit)
        paths = [
            _write_conll(cache, output, source, split, k, rules)
            for source in chosen or [""]
            for split in cache.splits
        ]
        return [*paths, *_copy_attribution(cache, output)], rules.counts
    notice = _copy_attribution(cache, output)
    if form == "jsonl":
        return [
            *notice,
            *(_write_json_lines(cache, output, chosen, split, k) for split in cache.splits),
        ], Counter()
    paths = [_write_parquet(cache, output, chosen, split, k) for split in cache.splits]
    return [*paths, _write_card(cache, output), *notice], Counter()


def _write_conll(
    cache: RetrievalCache, output: Path, source: str, split: str, k: int | None, rules: ConllRules
) -> Path:
    hits = cache.hits(source, split) if source else {}
    lines: list[str] = []
    for example in cache.examples(split):
        lines += conll_rows(example, hits.get(example.example_id, [])[:k], rules)
        lines.append("")
    return _written(output / source / f"{split}.txt", "".join(f"{line}\n" for line in lines))


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
    return _written(output / f"{split}.jsonl", "".join(lines))


def _write_parquet(
    cache: RetrievalCache, output: Path, sources: Sequence[str], split: str, k: int | None
) -> Path:
    """Write examples, a column ``hits_SOURCE`` a source (lists of structs), and the features."""
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
    table = table.replace_schema_metadata(None)
    write_atomically(path, lambda place: pq.write_table(table, place, compression="zstd"))
    return path


def _lists(hits: pa.Table, places: dict[str, int], k: int | None) -> pa.Array:
    """Return hits, which lie in the order of the examples, as one list an example."""
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
    """Write the card from which `datasets` takes the splits' files."""
    files = "".join(f"  - split: {split}\n    path: data/{split}.parquet\n" for split in cache.splits)
    notice = read_attribution(cache.folder)
    licence = "license: cc-by-sa-4.0\n" if "by-sa/4.0" in notice else ""
    card = (
        f"---\n{licence}configs:\n- config_name: default\n  data_files:\n{files}---\n\n"
        f"# {cache.dataset}\n\nExamples of {cache.dataset} with the evidence of a retrieval cache"
        f" ({', '.join(cache.sources) or 'none'}).\n"
        + (f"\n## Sources and licences of the evidence\n\n{notice}" if notice else "")
    )
    return _written(output / "README.md", card)


def _copy_attribution(cache: RetrievalCache, output: Path) -> list[Path]:
    """Let the notice of the cache go with its texts."""
    notice = read_attribution(cache.folder)
    return [_written(output / ATTRIBUTION, notice)] if notice else []


def _written(path: Path, text: str) -> Path:
    write_text(path, text)
    return path


@options
@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """What the command takes."""

    cache: Path
    """The cache's folder."""
    format: Format
    """CoNLL with evidence (adaseq, kb-ner), JSON lines, or Hugging Face's datasets."""
    output: Path | None = None
    """The folder to write to. [default: CACHE-FORMAT, beside the cache]"""
    source: list[str] | None = None
    """A source of evidence; may be repeated. [default: all]"""
    k: Positive | None = None
    """Hits an example, at most. [default: all]"""
    tokenizer: str | None = None
    """adaseq, kb-ner: leave out evidence that does not fit whole into the encoder of this name."""
    limit: Positive | None = None
    """Its sub-tokens, with --tokenizer. [default: 510]"""


def run(given: ExportOptions) -> None:
    """Write the cache that the options name; print the files."""
    if given.tokenizer and given.format not in CONLL:
        raise UsageError("argument --tokenizer: it goes with adaseq and kb-ner")
    if given.limit is not None and given.tokenizer is None:
        raise UsageError("argument --limit: it goes with --tokenizer, whose sub-tokens it counts")
    folder = given.cache.resolve()
    output = given.output or folder.with_name(f"{folder.name}-{given.format}")
    with explain_file_errors(output):
        _refuse_strangers(open_cache(given.cache), output)
        tokenize = _tokenizer(given.tokenizer) if given.tokenizer else None
        paths, counts = export(
            open_cache(given.cache, verify=True),
            given.format,
            output,
            sources=given.source,
            k=given.k,
            tokenize=tokenize,
            limit=given.limit or 510,
        )
    for path in paths:
        print(path)
    for what, count in sorted(counts.items()):
        if count:
            print(f"{what}: {count:,}", file=sys.stderr)


def _refuse_strangers(cache: RetrievalCache, output: Path) -> None:
    """Refuse a folder with anything that no export of this cache writes.

    Raises:
        UsageError: there is something.
    """
    own = {ATTRIBUTION, "README.md", "data", *cache.sources}
    own |= {f"{split}.{ending}" for split in cache.splits for ending in ("txt", "jsonl")}
    if output.exists():
        # What a write that was killed has left has a name that begins with a dot.
        found = sorted(p.name for p in output.iterdir() if p.name not in own and p.name[0] != ".")
        if found:
            raise UsageError(
                f"--output {output}: holds {found[0]}, which is no export of this cache; give an empty folder, or one"
                " that is not there yet"
            )


def _tokenizer(name: str) -> Tokenize:
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise CacheError(f"--tokenizer needs transformers ({error}); install the training extra") from error
    try:
        tokenizer = _from_disk_or_hub(AutoTokenizer, name)
    except (OSError, ValueError) as error:
        raise CacheError(
            f"--tokenizer {name}: cannot be loaded: {str(error).splitlines()[0]}; give a folder that holds it,"
            " or a name that the hub knows and that can be reached from here"
        ) from error
    return lambda text: list(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])


def _from_disk_or_hub(kind: Any, name: str) -> Any:
    """Return a tokenizer that is here; the hub is asked only for what is not, once, without its own retries."""
    try:
        return kind.from_pretrained(name, local_files_only=True)
    except (OSError, ValueError):
        from huggingface_hub import constants, file_exists
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError

        if constants.HF_HUB_OFFLINE or Path(name).exists():
            raise
        try:
            file_exists(name, "tokenizer_config.json")
        except (HfHubHTTPError, HFValidationError):
            pass  # what is wrong with the name is said when it is loaded
        except Exception as error:
            raise OSError(f"the hub cannot be reached ({type(error).__name__})") from error
        return kind.from_pretrained(name)


main = Command(
    "kc_schema.export",
    "Write a retrieval cache in another project's format.",
    ExportOptions,
    run,
    examples=EXAMPLES,
)

if __name__ == "__main__":
    sys.exit(main())
