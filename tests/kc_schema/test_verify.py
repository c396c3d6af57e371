"""Every kind of damage to a snapshot is named, with its place."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kc_schema.snapshot import Manifest, SnapshotError, open_snapshot, read_manifest, write_manifest
from kc_schema.store import Part, checksum
from kc_schema.tables import REPEATS, TEXT_TABLES, fits_schema, paragraph_id, sentence_id
from kc_schema.verify import main, verify

FIRST, SECOND = paragraph_id(7, 0), paragraph_id(7, 1)
ROWS = {
    "pages": [(7, "Ada", 70, "", False, "Ada wrote <e: Program> programs </e>.", None, None, None, ["Ada"])],
    "redirects": [("Lovelace", "Ada")],
    "paragraphs": [
        (FIRST, 7, "Ada", "", 0, "prose", "Ada wrote <e: Program> programs </e>. She was first."),
        (SECOND, 7, "Ada", "Life", 1, "prose", "She lived in <e: London> London </e>."),
    ],
    "sentences": [
        (sentence_id(FIRST, 0), FIRST, 0, "Ada wrote programs."),
        (sentence_id(FIRST, 1), FIRST, 1, "She was first."),
        (sentence_id(SECOND, 0), SECOND, 0, "She lived in London."),
    ],
    "image_links": [(7, "Ada.jpg", "Ada", "infobox", 0)],
}


def write_snapshot(folder, rows, *, older=False, repeats=None):
    tables = {}
    schemas = dict(TEXT_TABLES)
    if repeats is not None:
        rows, schemas["repeats"] = {**rows, "repeats": repeats}, REPEATS
    for table, schema in schemas.items():
        if older:  # versions before wrote no columns that may be null
            schema = pa.schema([field for field in schema if not field.nullable])
        (folder / table).mkdir(parents=True, exist_ok=True)
        path = folder / table / "part-00000.parquet"
        columns = [
            pa.array(list(column), field.type)
            for column, field in zip(zip(*rows[table], strict=True), schema, strict=not older)
        ]
        pq.write_table(pa.Table.from_arrays(columns, schema=schema), path)
        file = path.relative_to(folder).as_posix()
        tables[table] = [Part(file, len(rows[table]), path.stat().st_size, checksum(path))]
    write_manifest(folder, Manifest(dump={"name": "test"}, options={}, versions={}, tables=tables))
    return folder


def change(table, row, column, value):
    rows = {name: list(found) for name, found in ROWS.items()}
    values = list(rows[table][row])
    values[TEXT_TABLES[table].names.index(column)] = value
    rows[table][row] = tuple(values)
    return rows


def test_a_sound_snapshot_holds(tmp_path, capsys):
    findings = verify(write_snapshot(tmp_path / "kc", ROWS))
    assert not findings.counts
    assert dict(findings.checked) == {
        "pages": 1, "redirects": 1, "paragraphs": 2, "sentences": 3, "image_links": 1,
        "anchors": 2, "anchors of introductions": 1,
    }  # fmt: skip
    assert main([str(tmp_path / "kc")]) == 0
    assert "everything holds (" in capsys.readouterr().out


def test_a_snapshot_of_an_older_version_holds_but_not_one_that_lacks_more(tmp_path):
    kc = write_snapshot(tmp_path / "kc", ROWS, older=True)
    assert not verify(kc).counts
    assert not fits_schema(TEXT_TABLES["pages"].remove(0), "pages")


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (
            change("sentences", 1, "text", "She was last."),
            "sentences: not found in the stripped paragraph, in order",
        ),
        (
            change("sentences", 0, "text", "She was first."),
            "sentences: not found in the stripped paragraph, in order",
        ),
        (change("sentences", 1, "position", 2), "sentences: id is not paragraph_id * 2^12 + position"),
        (change("sentences", 2, "paragraph_id", SECOND + 1), "sentences: paragraph is missing"),
        (change("sentences", 2, "paragraph_id", SECOND + 1), "paragraphs: without a sentence"),
        (change("sentences", 1, "sentence_id", sentence_id(FIRST, 0)), "sentences: rows do not ascend"),
        (change("paragraphs", 1, "position", 3), "paragraphs: id is not page_id * 2^16 + position"),
        (change("paragraphs", 1, "kind", "poem"), "paragraphs: unknown kind"),
        (change("paragraphs", 1, "page_id", 8), "paragraphs: page is missing"),
        (
            change("paragraphs", 0, "text", "<e: A> Ada wrote programs. She was first."),
            "anchors do not parse",
        ),
        (
            change("paragraphs", 1, "text", "She lived in <e: Lovelace> London </e>."),
            "anchors: lead to a redirect",
        ),
        (
            change("paragraphs", 1, "text", "She lived in <e: the town#x> London </e>."),
            "anchors: title is not normalised",
        ),
        (change("pages", 0, "introduction", "<e: Program> open"), "anchors do not parse"),
        (change("pages", 0, "title", ""), "pages: empty title"),
        (change("pages", 0, "wikidata_id", "7259"), "pages: no Wikidata id"),
        (change("redirects", 0, "from_title", "Ada Lovelace"), "redirects: title is not normalised"),
        (change("redirects", 0, "to_title", "Lovelace"), "redirects: leads to another redirect"),
        (change("image_links", 0, "page_id", 9), "image_links: page is missing"),
        (change("image_links", 0, "place", "margin"), "image_links: unknown place"),
        (change("image_links", 0, "file", "Ada Lovelace.jpg"), "image_links: file name is not normalised"),
    ],
)
def test_rows_that_do_not_hold_are_named(tmp_path, rows, problem):
    findings = verify(write_snapshot(tmp_path / "kc", rows))
    assert findings.counts[problem] >= 1, dict(findings.counts)
    assert findings.places[problem]


def damage(kc, what):
    path = kc / "sentences" / "part-00000.parquet"
    content = path.read_bytes()
    if what == "missing file":
        path.unlink()
    elif what == "size differs from the manifest":
        path.write_bytes(content + b"x")
    elif what == "checksum differs from the manifest":
        path.write_bytes(content[:-5] + bytes([content[-5] ^ 1]) + content[-4:])
    elif what == "file that the manifest does not list":
        (kc / "sentences" / "part-00009.parquet").write_bytes(content)
    else:
        manifest = json.loads((kc / "manifest.json").read_text())
        manifest["tables"]["sentences"][0]["rows"] = 99
        (kc / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "what",
    [
        "missing file",
        "size differs from the manifest",
        "checksum differs from the manifest",
        "file that the manifest does not list",
        "number of rows differs from the manifest",
    ],
)
def test_files_that_differ_from_the_manifest_are_named(tmp_path, capsys, what):
    kc = write_snapshot(tmp_path / "kc", ROWS)
    damage(kc, what)
    assert verify(kc).counts == {what: 1}
    assert main([str(kc), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["problems"][what]["count"] == 1


def test_a_schema_that_differs_is_named(tmp_path):
    kc = write_snapshot(tmp_path / "kc", ROWS)
    path = kc / "redirects" / "part-00000.parquet"
    pq.write_table(pa.table({"from_title": ["A"], "elsewhere": ["B"]}), path)
    manifest = read_manifest(kc)
    manifest.tables["redirects"] = [
        Part("redirects/part-00000.parquet", 1, path.stat().st_size, checksum(path))
    ]
    write_manifest(kc, manifest)
    assert verify(kc).counts == {"schema differs": 1}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "no manifest.json"),
        ("{", "not a manifest"),
        ("[]", "not a manifest"),
        ('{"format": 99}', "format 99, this version reads 1"),
        ('{"format": 1, "tables": {}, "surprise": 1}', "not a manifest"),
    ],
)
def test_a_manifest_that_cannot_be_read_says_what_to_do(tmp_path, content, complaint, capsys):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(SnapshotError, match=rf"{complaint}.*build"):
        verify(tmp_path)
    assert main([str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("error: ")


def test_opening_looks_at_presence_and_size_only(tmp_path):
    kc = write_snapshot(tmp_path / "kc", ROWS)
    snapshot = open_snapshot(kc)
    assert [batch.num_rows for batch in snapshot.batches("sentences", ["text"], rows=2)] == [2, 1]
    (kc / "sentences" / "part-00000.parquet").unlink()
    with pytest.raises(SnapshotError, match="missing"):
        open_snapshot(kc)


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("pages", "introduction"), ("paragraphs", "section"), ("paragraphs", "text"), ("sentences", "text"),
        ("redirects", "from_title"), ("image_links", "caption"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("character", ["\x00", "\x01", "\x0b", "\r", "\x1f"])
def test_control_characters_are_seen_in_every_table(tmp_path, table, column, character):
    rows = change(table, 0, column, f"so{character}so")
    counts = verify(write_snapshot(tmp_path / "kc", rows)).counts
    assert counts[f"{table}: control character in {column}"] == 1


def test_tabs_line_ends_and_other_scripts_are_no_control_characters(tmp_path):
    rows = change("image_links", 0, "caption", "a\tb\nc \u0085 \x7f é 数")
    assert not verify(write_snapshot(tmp_path / "kc", rows)).counts
