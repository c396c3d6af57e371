"""What many places of a dump tell: text, prose, and how much of it is repeated."""

import random

import pytest

from pipelines.dump.parts import find_parts
from pipelines.forecast.sample import read_excerpts, rough_sentences, take_slices
from pipelines.forecast.survey import survey_dump
from tests.dump_writer import DumpPage, write_dump

WORDS = [
    f"{first}{second}" for first in ("ka", "lo", "mi", "su", "te") for second in ("ran", "bel", "dor", "fin")
]


def pages(count, copies):
    """Pages of sentences that none else has, and so many copies of each under other titles."""
    random.seed(5)
    texts = [
        "\n\n".join(
            ". ".join(f"{' '.join(random.choices(WORDS, k=12))} number {random.random()}" for _ in range(4))
            for _ in range(10)
        )
        for _ in range(count)
    ]
    return [
        DumpPage(
            f"Page {copy} of {n}",
            "{{Infobox|" + " | ".join(random.choices(WORDS, k=100)) + "}}\n" + text,
            copy * count + n + 1,
        )
        for copy in range(copies)
        for n, text in enumerate(texts)
    ]


def survey_of(dump):
    parts = find_parts(str(dump))
    slices = [taken for taken, _ in take_slices(parts, parts[0].size // 50)]
    return survey_dump(parts, slices)


@pytest.mark.parametrize(("copies", "share"), [(1, 1.0), (8, 1 / 8)])
@pytest.mark.parametrize("ending", ["", ".bz2"])
def test_text_prose_and_repeats_are_those_of_the_dump(tmp_path, copies, share, ending):
    given = pages(1200 // copies, copies)
    dump = tmp_path / f"testwiki-20260101-pages-articles.xml{ending}"
    write_dump(dump, given, pages_per_stream=50 if ending else None)
    found = survey_of(dump)
    xml = write_dump(tmp_path / "plain.xml", given).read_bytes()
    assert found.text.value == pytest.approx(len(xml), rel=0.05)
    assert found.prose.value == pytest.approx(sum(1 for _ in rough_sentences(xml.split(b"\n"))), rel=0.1)
    assert found.said_once.value == pytest.approx(share, rel=0.2)
    assert found.said_once.low <= found.said_once.value <= found.said_once.high <= 1


@pytest.mark.parametrize("ending", ["", ".bz2", ".gz", ".zst"])
def test_no_text_is_read_twice(tmp_path, ending):
    dump = tmp_path / f"testwiki-20260101-pages-articles.xml{ending}"
    write_dump(dump, pages(500, 1), pages_per_stream=50 if ending else None)
    parts = find_parts(str(dump))
    excerpts = list(read_excerpts(parts, 1000))
    assert len(excerpts) >= 1
    assert sum(excerpt.compressed for excerpt in excerpts) <= parts[0].size
    titles = [line for excerpt in excerpts for line in excerpt.text.split(b"\n")[1:-1] if b"<title>" in line]
    assert len(titles) == len(set(titles)) > 0


def test_a_dump_without_prose_has_a_plan_all_the_same(tmp_path):
    given = [DumpPage(f"Page {n}", "{{Short}}", n) for n in range(1, 40)]
    found = survey_of(write_dump(tmp_path / "testwiki-20260101-pages-articles.xml", given))
    assert found.prose.value == 0
    assert found.said_once.value == 1


def test_sentences_are_told_apart_roughly_without_templates_and_tables():
    lines = [
        b"{{Infobox | name = something that is quite long indeed, and more of it}}",
        b"| a cell of a table that is quite long indeed, and more of it",
        b"Short.",
        b"The first sentence of a paragraph that counts here. The second sentence of a paragraph that counts here.",
        b"The first sentence of a paragraph that counts here. Something else that is said in a second sentence.",
    ]
    found = list(rough_sentences(lines))
    assert len(found) == 4
    assert len(set(found)) == 3
