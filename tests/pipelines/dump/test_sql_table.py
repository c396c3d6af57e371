"""A table of the wiki's database is read as mysqldump wrote it, whatever its strings hold and wherever it is cut."""

import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dump import sql_table
from pipelines.dump.errors import DumpError
from pipelines.dump.sql_table import read_sql_table
from tests.sql_writer import COLUMNS, table_text

LAYOUT = tuple(COLUMNS)


def read(path, columns=LAYOUT, table="page_props"):
    return list(read_sql_table(path, table, columns, layout=LAYOUT))


def test_rows_of_several_statements_are_read_with_their_escapes(tmp_path):
    path = tmp_path / "x.sql"
    path.write_text(
        "-- MySQL dump\nCREATE TABLE `page_props` (\n  `pp_page` int(10),\n  `pp_propname` varbinary(60),\n"
        "  `pp_value` blob,\n  `pp_sortkey` float DEFAULT NULL\n) ENGINE=InnoDB;\n"
        r"INSERT INTO `page_props` VALUES (12,'page_image_free','O\'Hara_\"x\".jpg',NULL),"
        r"(12,'wikibase_item','Q6199',NULL);"
        "\n"
        r"INSERT INTO `page_props` VALUES (25,'a),(b','x\\',1.5e3),(26,'n',_binary 'tab\tnul\0',-2),"
        r"(27,'h',0x4142,NULL),(28,'q','it''s',0);"
        "\n-- Dump completed\n"
    )
    assert read(path) == [
        (12, b"page_image_free", b'O\'Hara_"x".jpg', None),
        (12, b"wikibase_item", b"Q6199", None),
        (25, b"a),(b", b"x\\", 1500.0),
        (26, b"n", b"tab\tnul\0", -2.0),
        (27, b"h", b"AB", None),
        (28, b"q", b"it's", 0),
    ]


def test_files_are_read_in_the_shapes_in_which_servers_and_public_test_data_have_them(tmp_path):
    """Statements on a line, statements with a row a line, and a newer client's first line.

    As in wikimedia's dumps of 2024 and later (``/*M!999999\\- enable the sandbox mode */``), in the test data of
    https://github.com/brawer/wikidata-qrank (several statements with empty lines between) and in dumps of whole
    databases (``LOCK TABLES``, sort keys that are numbers).
    """
    head = (
        "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB\n--\n"
        "DROP TABLE IF EXISTS `page_props`;\n/*!40101 SET character_set_client = utf8 */;\n"
        "CREATE TABLE `page_props` (\n  `pp_page` int(10) unsigned NOT NULL,\n"
        "  `pp_propname` varbinary(60) NOT NULL DEFAULT '',\n"
        "  `pp_value` blob NOT NULL,\n  `pp_sortkey` float DEFAULT NULL,\n  PRIMARY KEY (`pp_page`,`pp_propname`),\n"
        "  UNIQUE KEY `pp_propname_page` (`pp_propname`,`pp_page`)\n) ENGINE=InnoDB DEFAULT CHARSET=binary;\n"
        "LOCK TABLES `page_props` WRITE;\n/*!40000 ALTER TABLE `page_props` DISABLE KEYS */;\n"
    )
    tail = "/*!40000 ALTER TABLE `page_props` ENABLE KEYS */;\nUNLOCK TABLES;\n\n-- Dump completed on 2026-01-01\n"
    insert = "INSERT INTO `page_props` VALUES"
    first, second, third = (
        "(4,'notoc','',NULL)",
        "(4,'wikibase-badge-Q70893996','1',1)",
        "(5,'wikibase_item','Q1',NULL)",
    )
    shapes = (
        f"{insert} {first},{second};\n\n{insert} {third};\n",
        f"{insert}\n{first},\n{second},\n{third};\n",
    )
    for shape in shapes:
        (tmp_path / "x.sql").write_text(head + shape + tail)
        assert read(tmp_path / "x.sql") == [
            (4, b"notoc", b"", None),
            (4, b"wikibase-badge-Q70893996", b"1", 1),
            (5, b"wikibase_item", b"Q1", None),
        ]


def test_columns_are_found_by_their_names_and_rows_of_another_age_have_three(tmp_path):
    path = tmp_path / "x.sql"
    kinds = {"pp_value": "blob", "pp_page": "int", "pp_propname": "varbinary(60)"}
    path.write_bytes(table_text([(b"Q1", 5, b"wikibase_item")], columns=kinds))
    assert read(path, ("pp_page", "pp_value")) == [(5, b"Q1")]


VALUES = st.one_of(st.none(), st.integers(0, 1 << 40), st.floats(-1e9, 1e9), st.binary(max_size=12))
ROWS = st.lists(
    st.tuples(st.integers(1, 99), st.binary(max_size=9), st.binary(max_size=30), VALUES), min_size=1
)


@given(rows=ROWS, chunk=st.integers(1, 64), together=st.integers(1, 4), zipped=st.booleans())
def test_what_was_written_is_read_wherever_the_pieces_are_cut(
    tmp_path_factory, rows, chunk, together, zipped
):
    text = table_text(rows, rows_per_statement=together)
    path = tmp_path_factory.mktemp("sql") / "x.sql.gz"
    path.write_bytes(gzip.compress(text) if zipped else text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sql_table, "CHUNK", chunk)
        assert read(path) == rows


def damaged():
    text = table_text([(n, b"wikibase_item", b"Q%d" % n, None) for n in range(1, 5000)])
    row = text.index(b"(4000,")
    yield "cut off in a row", text[: row + 9], r"byte [\d,]+ of the text: no row of 4 values"
    yield "cut off between rows", text[:row], "no row of 4 values stands here, but b''"
    yield (
        "a value too few",
        text.replace(b"(4000,", b"("),
        r"no row of 4 values stands here, but b\"\('wikibase_item'",
    )
    yield "a string without its end", text.replace(b"'Q4000'", b"'Q4000"), "no row of 4 values"
    yield "cut off, zipped", gzip.compress(text)[:-4000], "cannot be unpacked behind"
    yield "a byte changed, zipped", gzip.compress(text)[:-8] + b"\0" * 8, "cannot be unpacked behind"
    yield (
        "another table",
        table_text([(1, b"a", b"b", None)], table="page"),
        "holds the table page, not page_props",
    )
    yield "no table", b"<html>not found</html>", "holds no table page_props"
    yield "nothing", b"", "holds no table page_props"
    yield "odd number", text.replace(b"(4000,", b"(4-0E,"), "damaged"
    other = table_text([(1,)], columns={"page_id": "int"})
    yield "other columns", other, "has no column pp_page"


@pytest.mark.parametrize(("content", "message"), [pytest.param(c, m, id=name) for name, c, m in damaged()])
def test_damage_is_one_line_that_names_file_and_place(tmp_path, content, message):
    path = tmp_path / "enwiki-20250101-page_props.sql.gz"
    path.write_bytes(content)
    with pytest.raises(DumpError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DumpError, match=r"x\.sql.*No such file"):
        read(tmp_path / "x.sql")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"x" * (48 << 20), id="one line without an end"),
        pytest.param(
            b"INSERT INTO `page_props` VALUES (1,'" + b"a" * (48 << 20), id="a string without an end"
        ),
        pytest.param(
            b"INSERT INTO `page_props` VALUES (1,'" + b"\\'" * (24 << 20), id="escapes without an end"
        ),
        pytest.param(b"CREATE TABLE `page_props` (\n" + b" `a" * (16 << 20), id="a column without an end"),
    ],
)
def test_hostile_files_end_in_bounded_memory(tmp_path, content):
    path = tmp_path / "x.sql.gz"
    path.write_bytes(gzip.compress(content, compresslevel=1))
    tracemalloc.start()
    try:
        with pytest.raises(DumpError):
            read(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 96 << 20
