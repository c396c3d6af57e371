"""What items are: read from a dump of Wikidata as a stream, and a column of the corpus' entities."""

import bz2
import gzip
import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.build_entities import main
from pipelines.dump.errors import DumpError
from pipelines.entities.build import files_with_types
from pipelines.entities.lookup import EntityIndex
from pipelines.entities.wikidata import read_instances
from pipelines.extract_types import main as extract
from tests.dump_writer import DumpPage
from tests.entity_corpora import entity_corpus


def claim(item: str, rank: str = "normal", kind: str = "value") -> dict[str, object]:
    snak: dict[str, object] = {"snaktype": kind, "property": "P31", "datatype": "wikibase-item"}
    if kind == "value":
        value = {"entity-type": "item", "numeric-id": int(item[1:]), "id": item}
        snak["datavalue"] = {"value": value, "type": "wikibase-entityid"}
    return {"mainsnak": snak, "type": "statement", "id": f"x${item}", "rank": rank}


def item(
    number: int, *claims: dict[str, object], wiki: str = "testwiki", **more: object
) -> dict[str, object]:
    links = {wiki: {"site": wiki, "title": f"Page {number}", "badges": []}}
    other = {"P18": [{"mainsnak": {"snaktype": "value", "datavalue": {"value": "X.jpg", "type": "string"}}}]}
    statements = {**other, "P31": list(claims)} if claims else []
    entity = {"type": "item", "id": f"Q{number}", "labels": {}, "claims": statements, "sitelinks": links}
    return {**entity, **more}


ITEMS = [
    item(1, claim("Q5"), claim("Q36180", "preferred"), claim("Q42", "preferred")),
    item(2, claim("Q5"), claim("Q7", "deprecated"), claim("Q5"), claim("Q0", kind="somevalue")),
    item(3),
    item(4, claim("Q9"), wiki="otherwiki"),
    {"type": "property", "id": "P31", "claims": {"P31": [claim("Q9")]}},
    item(5, claim("Q515")),
]


def write(path: Path, lines: list[str]) -> Path:
    text = ("[\n" + ",\n".join(lines) + "\n]\n").encode()
    pack = {".gz": gzip.compress, ".bz2": bz2.compress}.get(path.suffix, bytes)
    path.write_bytes(pack(text))
    return path


def spelled(items: list[dict[str, object]]) -> list[str]:
    return [json.dumps(one, separators=(",", ":")) for one in items]


@pytest.mark.parametrize("suffix", ["json", "json.gz", "json.bz2"])
def test_classes_of_a_wikis_items_are_read(
    tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = write(
        tmp_path / f"wikidata.{suffix}", [*spelled(ITEMS), '{"id":"Q8","site":"testwiki"', '"testwiki"']
    )
    output = tmp_path / "types.parquet"
    assert extract(["--dump", str(dump), "--wiki", "testwiki", "--output", str(output)]) == 0
    assert pq.read_table(output).to_pylist() == [
        {"id": "Q1", "types": ["Q36180", "Q42"]},
        {"id": "Q2", "types": ["Q5"]},
        {"id": "Q5", "types": ["Q515"]},
    ]
    told = capsys.readouterr().err
    assert "items with types: 3" in told
    counts: Counter[str] = Counter()
    assert [number for number, _ in read_instances(dump, None, counts)] == ["Q1", "Q2", "Q4", "Q5"]
    assert counts["lines that are no entity"] == 2


def test_classes_may_be_called_by_their_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def named(number: int, **labels: str) -> dict[str, object]:
        """A class: a subclass of something, with names, and without a page in the wiki."""
        claims = {"P279": [claim("Q35120")]}
        spoken = {code: {"language": code, "value": name} for code, name in labels.items()}
        return item(number, wiki="otherwiki", claims=claims, labels=spoken)

    classes = [named(5, en="human", de="Mensch"), named(36180, mul="writer"), named(515, de="Stadt")]
    no_class = item(42, wiki="otherwiki", labels={"en": {"value": "no class"}})
    empty = item(7, wiki="otherwiki", claims={"P279": []}, labels=[])
    dump = write(tmp_path / "w.json", [*spelled(ITEMS), *spelled([*classes, no_class, empty])])
    output = tmp_path / "types.parquet"
    assert extract(["--dump", str(dump), "--wiki", "testwiki", "--names", "en", "--output", str(output)]) == 0
    assert pq.read_table(output).to_pylist() == [
        {"id": "Q1", "types": ["writer", "Q42"]},
        {"id": "Q2", "types": ["human"]},
        {"id": "Q5", "types": ["Q515"]},
    ]
    assert "types without a name, left as ids: 2" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["types.parquet", "w.json"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(b"[\n" + b'{"id":"Q1","claims":{}},\n' * 5000)[:-30], "cannot be read behind"),
        (b"<html>", "line 1 is no entity of Wikidata"),
        (b"", "holds no line"),
        (b"[" * 200_000, "line 1 is no entity"),
    ],
)
def test_a_damaged_dump_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "wikidata.json.gz"
    path.write_bytes(content)
    with pytest.raises(DumpError, match=message):
        list(read_instances(path, None, Counter()))
    assert extract(["--dump", str(path), "--output", str(tmp_path / "x.parquet")]) == 1
    assert not (tmp_path / "x.parquet").exists()


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    pages = [DumpPage(f"Page {n}", f"'''Page {n}''' is a page among others here.", n) for n in range(1, 6)]
    items = {n: {"wikibase_item": f"Q{n}"} for n in range(1, 5)}
    return entity_corpus(tmp_path, pages, items, named=False)


def types_in(kc: Path) -> list[list[str] | None]:
    return [row["types"] for path in (kc / "entities").iterdir() for row in pq.read_table(path).to_pylist()]


@pytest.mark.parametrize("form", ["parquet", "tsv"])
def test_types_become_a_column(corpus: Path, tmp_path: Path, form: str) -> None:
    table = tmp_path / f"types.{form}"
    rows = [("Q1", ["Q5"]), ("Q99", ["Q7"]), ("Q3", ["Q8", "Q9"]), ("Q1", ["Q6"]), ("P31", ["Q1"])]
    if form == "parquet":
        pq.write_table(pa.table({"id": [a for a, _ in rows], "types": [b for _, b in rows]}), table)
    else:
        lines = ["id\ttypes", *(f"{a}\t{','.join(b)}" for a, b in rows[:4])]
        table.write_text("\n".join(lines) + "\n")
    assert main(["--kc", str(corpus), "--workers", "1"]) == 0
    assert types_in(corpus) == [None] * 5
    assert files_with_types(corpus) == []
    assert main(["--kc", str(corpus), "--workers", "1", "--types", str(table)]) == 0
    assert types_in(corpus) == [["Q5"], None, ["Q8", "Q9"], None, None]
    assert EntityIndex(corpus).candidates("Page 3")[0].types == ["Q8", "Q9"]
    # A corpus that is made anew has them from the older one's table.
    [older] = files_with_types(corpus)
    kept = older.rename(tmp_path / "older.parquet")
    assert main(["--kc", str(corpus), "--workers", "1", "--types", str(kept), "--overwrite"]) == 0
    assert types_in(corpus) == [["Q5"], None, ["Q8", "Q9"], None, None]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Q1\tQ5\nnonsense\n", "line 2 is not an id, a tab, types"),
        ("Q77\tQ5\n", "has types of no item of the corpus"),
        ("", "has types of no item of the corpus"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    corpus: Path, tmp_path: Path, content: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "types.tsv").write_text(content)
    assert main(["--kc", str(corpus), "--workers", "1", "--types", str(tmp_path / "types.tsv")]) == 1
    assert message in capsys.readouterr().err
    pq.write_table(pa.table({"id": ["Q1"], "types": ["Q5"]}), tmp_path / "types.parquet")
    assert main(["--kc", str(corpus), "--workers", "1", "--types", str(tmp_path / "types.parquet")]) == 1
    assert "has no columns id and types (a list of strings)" in capsys.readouterr().err
