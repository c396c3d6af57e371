"""Tables, charts and pages on made-up results: figures beside the paper's, hostile text harmless."""

import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from kc_schema.retrieval_cache import Example, Hit
from training.data.labels import TagSet
from training.data.relations import RelationSet
from training.distributions import Distributions
from training.errors import TrainingError
from training.evaluation.paper import paper_expert, paper_label, paper_marginal, paper_mixture
from training.reporting.cases import choose_cases
from training.reporting.charts import bar_chart, line_chart
from training.reporting.page import Figure, html_page, markdown_page
from training.reporting.tables import build_tables
from training.reporting.writing import retrieval_speeds
from training.task import Task

HOSTILE = "<script>alert(1)</script>|`"


def variant(name, f1, *, source=None, kind=None, sources=(), weights="label"):
    seeds = [
        {
            "seed": number,
            "test": {
                decoding: {
                    "f1": value + shift,
                    "lenient": value,
                    "strict": value - 1,
                    "interval": [value - 2, value + 2],
                    "by_label": {"PER": {"f1": value, "gold": 7}},
                }
                for decoding, shift in (("viterbi", 0.0), ("marginal", -0.1))
            },
        }
        for number, value in enumerate(f1)
    ]
    if kind is None:
        return {"name": name, "role": "expert", "source": source, "seeds": seeds}
    about = {"kind": kind, "sources": list(sources), "weights": weights, "normalised": True}
    return {"name": name, "role": "mixture", "experts": list(sources), **about, "seeds": seeds}


RESULTS = {
    "dataset": "twitter17",
    "task": "ner",
    "convention": "lenient",
    "variants": [
        variant("baseline", [80.0, 81.0, 82.0]),
        variant("text", [84.0, 85.0, 86.0], source="text"),
        variant("random_text", [79.0, 80.0, 81.0], source="random_text"),
        variant("average", [85.0, 86.0, 87.0], kind="average", sources=["text", "image"]),
        variant("moe", [88.0, 89.0, 90.0], kind="gate", sources=["text", "image"]),
    ],
}


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
    assert chosen[0].said == {"text": "none", "image": f"{HOSTILE}: LOC", "moe": f"{HOSTILE}: LOC"}
    assert chosen[0].weights == {"text": 0.25, "image": 0.75}
    assert chosen[2].said["moe"] != chosen[2].gold


def test_cases_of_relations_say_which_pair_is_asked_for():
    task = Task(RelationSet(("None", "near")))
    examples = [Example("0", ("Oslo", "lies", "by", HOSTILE), relation="near", subject=(3, 4), object=(0, 1))]

    def one(label):
        best = np.array([label])
        return Distributions(np.eye(2, dtype=np.float32)[best], best, np.ones(1, dtype=np.int64))

    (case,) = choose_cases(task, examples, {"text": one(0), "moe": one(1)}, "moe", {}, [])
    assert case.pair == f"Subject: {HOSTILE}; object: Oslo"
    page = html_page("title", [], [], [], [case], None)
    assert "Subject: &lt;script&gt;" in page
    assert "<script" not in page
    assert "- Subject: &lt;script>" in markdown_page("title", [], [], [], [case])


def test_links_of_the_page_lead_to_its_tables():
    page = html_page("title", [], build_tables(RESULTS, {}), [], [], None)
    links = re.findall(r'href="#([^"]+)"', page)
    assert len(links) > 6
    assert all(f'id="{link}"' in page for link in links)
    assert '<td class="number">81.00 ± 1.00</td>' in page


def test_pages_escape_what_they_show(tmp_path):
    figure = Figure(HOSTILE, "bar", {HOSTILE: 1.0}, "", "y")
    tables = build_tables({**RESULTS, "variants": [variant(HOSTILE, [1.0])]}, {})
    (tmp_path / "x.jpg").write_bytes(b"\xff\xd8")
    page = html_page(HOSTILE, [HOSTILE], tables, [figure], cases(), tmp_path)
    assert "<script" not in page
    assert 'src="data:image/jpeg;base64,/9g="' in page
    markdown = markdown_page("title", [], tables, [], cases())
    assert "\\|" in markdown
    assert "> &lt;script>" in markdown


def test_an_image_name_cannot_leave_its_folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.png").write_bytes(b"secret")
    from training.reporting.page import _image

    assert _image("../secret.png", tmp_path / "in") == ""
    assert _image("../in/x.png", tmp_path / "in") == ""
    assert _image(None, tmp_path) == ""
