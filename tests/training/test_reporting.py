"""Tables, charts and pages on made-up results: figures beside the paper's, hostile text harmless."""

import dataclasses
import json
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest
from markdown_it import MarkdownIt

from kc_schema.charts import Figure, bar_chart, line_chart
from kc_schema.retrieval_cache import Example, Hit
from training.data.labels import RelationSet, TagSet
from training.distributions import Distributions
from training.errors import TrainingError
from training.evaluation.scores import LabelScore, Scores
from training.reporting.cases import choose_cases
from training.reporting.page import ReportPage
from training.reporting.paper import paper_expert, paper_label, paper_marginal, paper_mixture
from training.reporting.results import Results, SeedScores, Variant, as_written, read_results
from training.reporting.tables import Table, build_tables, summary
from training.reporting.writing import case_mixture, retrieval_speeds
from training.task import Task

HOSTILE = "<script>alert(1)</script>|`"
# Each tries to leave the place where it stands.
ATTACKS = [
    HOSTILE,
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "--></style></title><iframe src=//evil.example>",
    "</svg><a href=javascript:alert(1)>x</a>",
    "![x](http://evil.example/x.png) [y](javascript:alert(1)) <http://evil.example>",
    "# heading",
    "1. list",
    "- list",
    "=== ",
    "**bold** _slanted_ ~~gone~~ `code` &lt;b&gt; \\",
    "| a | b |",
    "https://evil.example www.evil.example a@evil.example",
    "```",
    "{{ page.title }} {% raw %}",
]


def variant(name, f1, *, source=None, kind=None, sources=(), weights="label", labels=("PER",)):
    seeds = [
        SeedScores(
            number,
            {
                decoding: Scores(
                    f1=value + shift,
                    precision=value,
                    recall=value,
                    interval=(value - 2, value + 2),
                    by_label={label: LabelScore(value, 7) for label in labels},
                    lenient=value,
                    strict=value - 1,
                )
                for decoding, shift in (("viterbi", 0.0), ("marginal", -0.1))
            },
        )
        for number, value in enumerate(f1)
    ]
    if kind is None:
        return Variant(name, "expert", seeds, source)
    members = tuple(sources)
    return Variant(
        name, "mixture", seeds, kind=kind, experts=members, sources=members, weights=weights, normalised=True
    )


RESULTS = Results(
    "twitter17",
    "ner",
    "lenient",
    [
        variant("baseline", [80.0, 81.0, 82.0]),
        variant("text", [84.0, 85.0, 86.0], source="text"),
        variant("random_text", [79.0, 80.0, 81.0], source="random_text"),
        variant("average", [85.0, 86.0, 87.0], kind="average", sources=["text", "image"]),
        variant("moe", [88.0, 89.0, 90.0], kind="gate", sources=["text", "image"]),
    ],
)


def table(title):
    return next(
        table
        for table in build_tables(RESULTS, {"text on cpu": 3.14}, {"text retrieval": 812.5})
        if table.title.startswith(title)
    )


def test_the_papers_figures_stand_beside_ours():
    rows = {row[0]: row for row in table("Table 2").rows}
    assert rows["baseline"][2:] == ("81.00 ± 1.00", "78.00 to 82.00", "–", "88.68")
    assert rows["text"][2:] == ("85.00 ± 1.00", "82.00 to 86.00", "0.008", "89.50")
    assert rows["moe"][-1] == "90.67"
    assert "random_text" not in rows
    assert {row[0]: row[-1] for row in table("Table 3").rows} == {"average": "89.86", "moe": "90.67"}
    assert table("Table 5").rows[1][-1] == "88.53"
    decoding = {row[0]: row for row in table("Table 6").rows}
    assert decoding["text"] == ("text", "85.00 ± 1.00", "–", "84.90 ± 1.00", "-0.10", "89.40")
    assert table("Both").rows[0] == ("baseline", "81.00 ± 1.00", "80.00 ± 1.00")
    assert table("Differences").rows[1][1] == "+4.00 (0.008)"


def test_the_speed_of_what_was_measured_and_nothing_else():
    assert table("Table 7").rows == [
        ("ITA feature extraction", "no part of this system", "0.7"),
        ("CLIP feature extraction", "not noted in the cache", "6.4"),
        ("text retrieval", "812.5", "64.6"),
        ("image retrieval", "not noted in the cache", "650.1"),
        ("model prediction, text on cpu", "3.1", "8.2"),
    ]


def test_the_speeds_that_the_build_of_a_cache_printed(tmp_path):
    path = tmp_path / "speed.json"
    assert retrieval_speeds(path) == {}
    entry = {"step": "features (text and image)", "one_by_one": 2.5, "batched": 9.0, "batch": 64}
    path.write_text(json.dumps({"report": {}, "speeds": [entry, {**entry, "step": "text retrieval"}]}))
    assert retrieval_speeds(path) == {"CLIP feature extraction": 2.5, "text retrieval": 2.5}
    path.write_text("[]")
    with pytest.raises(TrainingError, match=r"speed.json: not what pipelines.build_retrieval_cache writes"):
        retrieval_speeds(path)


def test_paper_figures():
    assert paper_expert("Twitter-15", None) == 77.29
    assert paper_expert("mnre", "image") == 67.24
    assert paper_expert("twitter17", "object") is None
    assert paper_expert("mine", None) is None
    assert paper_mixture("mnre", "gate", ["text", "image"], "label") == 68.60
    assert paper_mixture("mnre", "gate", ["image", "text"], "label") == 68.60
    assert paper_mixture("mnre", "gate", ["image", "text"], "example") is None
    assert paper_mixture("snap", "average", ["text", "text"], "label") == 90.72
    assert paper_marginal("snap", "image") == 90.15
    assert paper_marginal("mnre", "image") is None
    assert paper_label("mnre", "text", "misc") == 66.37
    assert paper_label("twitter15", "text", "PER") is None


@pytest.mark.parametrize(
    "chart",
    [
        line_chart({HOSTILE: [(1, 2.0), (2, 3.0)], "one": [(1, 1.0)]}, "x", "y"),
        line_chart({"same": [(1, 5.0)]}, "x", "y", diagonal=True),
        bar_chart({HOSTILE: 0.3, "b": 0.0}, "weight"),
    ],
)
def test_charts_are_well_formed(chart):
    ElementTree.fromstring(f"<div>{chart}</div>")
    assert "<script" not in chart


def test_names_of_bars_are_shown_however_many_or_long():
    names = {f"S-{number}": 0.5 for number in range(17)}
    assert all(f">{name}<" in bar_chart(names, "weight") for name in names)
    assert ">/per/loc/place_of_birth<" in bar_chart({"/per/loc/place_of_birth": 1.0}, "weight")


def test_lines_of_one_colour_differ_in_their_dashes():
    chart = line_chart({str(number): [(1, number), (2, number)] for number in range(9)}, "x", "y")
    assert chart.count('stroke-dasharray="6 3"') == 1


def test_charts_of_nothing_are_nothing():
    assert line_chart({}, "x", "y") == ""
    assert bar_chart({}, "y") == ""


TASK = Task(TagSet(("LOC",), "bio"))


def said(*labels):
    best = np.array(labels, dtype=np.int64)
    return Distributions(np.eye(3, dtype=np.float32)[best], best, np.ones(len(best), dtype=np.int64))


def cases():
    examples = [Example(str(row), (HOSTILE,), labels=("B-LOC",), image="x.jpg") for row in range(4)]
    right, wrong = 1, 0
    found = {
        "text": said(right, wrong, right, right),
        "image": said(right, right, wrong, wrong),
        "moe": said(right, right, right, wrong),
    }
    hits = {"text": {"1": [Hit(0, 1.0, "", HOSTILE, HOSTILE, 1)]}}
    return choose_cases(TASK, examples, found, "moe", hits, [{"text": 0.25, "image": 0.75}] * 4)


def test_cases_show_where_experts_differ_and_failures_too():
    chosen = cases()
    assert [case.example_id for case in chosen] == ["1", "2", "3"]
    assert chosen[0].answers == {"text": "none", "image": f"{HOSTILE}: LOC", "moe": f"{HOSTILE}: LOC"}
    assert chosen[0].weights == {"text": 0.25, "image": 0.75}
    assert chosen[2].answers["moe"] != chosen[2].gold


def test_cases_of_relations_say_which_pair_is_asked_for():
    task = Task(RelationSet(("None", "near")))
    examples = [Example("0", ("Oslo", "lies", "by", HOSTILE), relation="near", subject=(3, 4), object=(0, 1))]

    def one(label):
        best = np.array([label])
        return Distributions(np.eye(2, dtype=np.float32)[best], best, np.ones(1, dtype=np.int64))

    (case,) = choose_cases(task, examples, {"text": one(0), "moe": one(1)}, "moe", {}, [])
    assert case.pair == f"Subject: {HOSTILE}; object: Oslo"
    page = ReportPage("title", [], [], [], [case])
    assert f"Subject: {HOSTILE}; object: Oslo" in Parsed(page.html(None)).texts
    assert "- Subject: &lt;script" in page.markdown()


class Parsed(HTMLParser):
    """The elements of a page with the names of their attributes, ids, links, and texts."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.elements, self.values, self.texts = [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, *(name for name, _ in attrs)))
        self.values += attrs

    def handle_data(self, data):
        if data.strip():
            self.texts.append(data.strip())

    def handle_comment(self, data):
        self.elements.append(("comment", data))


def page_showing(text, folder=None):
    """A page with `text` wherever something comes from data, labels, names or the configuration."""
    variants = [
        variant(text, [80.0, 81.0], source=text, labels=(text,)),
        variant(text, [82.0, 83.0], kind="gate", sources=[text, "image"], labels=(text,)),
    ]
    tables = build_tables(dataclasses.replace(RESULTS, variants=variants), {text: 1.0})
    figures = [
        Figure(text, "bar", {text: 1.0}, text, text),
        Figure(text, "bar", {text: 1.0, "a name that is long": 2.0}, text, text),
        Figure(text, "diagonal", {text: [(0, 0.5), (1, 1.0)]}, text, text),
    ]
    (case,) = cases()[:1]
    words = (text, "and", text)
    case = dataclasses.replace(
        case,
        example_id=text,
        tokens=words,
        image="x.jpg" if folder else text,
        gold=text,
        answers={text: text, "moe": "x"},
        evidence={text: [text]},
        weights={text: 0.5},
        pair=text,
    )
    return ReportPage(text, [text], [*tables, Table(text, text, (text,), [(text,)])], figures, [case])


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_comes_from_data_is_text_of_the_page_and_nothing_else(attack, tmp_path):
    (tmp_path / "x.jpg").write_bytes(b"\xff\xd8")
    for folder in (None, tmp_path):
        shown = Parsed(page_showing(attack, folder).html(folder))
        harmless = Parsed(page_showing("w" * len(attack), folder).html(folder))
        assert shown.elements == harmless.elements
        inner = attack.strip()
        assert sum(inner in text for text in shown.texts) == sum(
            "w" * len(attack) in text for text in harmless.texts
        )
        others = [value for name, value in shown.values if name not in ("alt", "id", "href")]
        assert not any("evil" in (value or "") or "alert" in (value or "") for value in others)


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_comes_from_data_is_text_of_the_markdown_and_nothing_else(attack):
    reader = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable(["table", "strikethrough"])

    def kinds(text):
        tokens = reader.parse(page_showing(text).markdown())
        return [
            kind for token in tokens for kind in (token.type, *(child.type for child in token.children or []))
        ]

    def words(text):
        tokens = reader.parse(page_showing(text).markdown())
        return [
            "".join(child.content for child in token.children) for token in tokens if token.type == "inline"
        ]

    assert [kind for kind in kinds(attack) if "text" not in kind] == [
        kind for kind in kinds("words") if "text" not in kind
    ]
    assert " ".join(attack.split()) in words(attack)
    for address in ("http://", "https://", "www."):
        assert address not in page_showing(attack).markdown()


def test_numbers_and_names_stay_readable_in_markdown():
    markdown = ReportPage("title", ["seeds 1, 2"], build_tables(RESULTS, {}), [], []).markdown()
    assert "| random_text | random_text | 80.00 ± 1.00 | 77.00 to 81.00 |" in markdown
    assert "-0.10" in markdown


def test_links_of_the_page_lead_to_its_tables():
    page = ReportPage("title", [], build_tables(RESULTS, {}), [], []).html(None)
    values = Parsed(page).values
    links = [value[1:] for name, value in values if name == "href"]
    assert len(links) > 6
    assert set(links) <= {value for name, value in values if name == "id"}
    assert '<td class="number">81.00 ± 1.00</td>' in page


def test_a_long_curve_does_not_fill_a_cell():
    curve = {"moe": [(epoch, 80.0 + epoch / 100) for epoch in range(1, 51)]}
    figure = Figure("Learning curves", "line", curve, "epoch", "F1")
    (row,) = [
        line
        for line in ReportPage("t", [], [], [figure], []).markdown().splitlines()
        if line.startswith("| moe")
    ]
    assert row.startswith("| moe | 1: 80.01, 8: 80.08,")
    assert row.endswith("50: 80.5 |")
    assert len(row) < 120
    assert figure.svg().count("<circle") == 50


def test_cases_are_of_the_first_gate_over_different_sources():
    average, gate = RESULTS.mixtures
    alone = variant("alone", [1.0], kind="gate", sources=["text", "text"])
    later = dataclasses.replace(gate, name="later")
    assert case_mixture([alone, average, gate, later]) is gate
    assert case_mixture([average, alone]) is average
    assert case_mixture([]) is None


def test_results_come_back_with_the_headline_first(tmp_path):
    written = as_written(RESULTS)
    (tmp_path / "results.json").write_text(json.dumps(written))
    found = read_results(tmp_path / "results.json")
    assert found == RESULTS
    assert [list(seed.test) for seed in found.experts[0].seeds] == [["viterbi", "marginal"]] * 3
    baseline, *_, moe = written["variants"]
    assert set(baseline) == {"name", "role", "seeds", "source"}
    assert set(moe) == {"name", "role", "seeds", "kind", "experts", "sources", "weights", "normalised"}
    assert "by_type" not in moe["seeds"][0]["test"]["viterbi"]


def test_a_summary_fits_one_screen():
    text = summary(RESULTS)
    assert text.splitlines()[0] == "twitter17: F1 of entities on test over 3 seeds"
    assert "  text         85.00 ± 1.00  " in text
    assert "p 0.008 against baseline" in text
    assert text.splitlines()[-1] == "best mixture: moe, +4.00 against the best expert, text, p 0.008"
    many = [variant("baseline", [1.0])] + [
        variant("long" * 20 + str(n), [float(n)], source="s" * 90) for n in range(40)
    ]
    lines = summary(dataclasses.replace(RESULTS, variants=many)).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 100
    assert "  and 25 with lower scores" in lines


def test_pictures_stand_in_the_page(tmp_path):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("x.jpg", "in/deep/x.jpg"):
        (tmp_path / name).write_bytes(b"\xff\xd8")
    (case, *_) = cases()

    def sources(name):
        page = ReportPage("title", [], [], [], [dataclasses.replace(case, image=name)])
        return [value for key, value in Parsed(page.html(tmp_path / "in")).values if key == "src"]

    assert sources("deep/x.jpg") == ["data:image/jpeg;base64,/9g="]
    for outside in (
        "../x.jpg",
        str(tmp_path / "x.jpg"),
        "deep/../../x.jpg",
        "..\\x.jpg",
        "missing.jpg",
        None,
    ):
        assert sources(outside) == []
