"""The report counts what evidence is worth."""

from collections import Counter

from kc_schema.hit import Hit
from kc_schema.retrieval_cache import Example
from pipelines.evidence.report import gold_mentions, report_split

EXAMPLES = [
    Example("a", ("Ada", "Byron", "in", "Oslo"), labels=("B-PER", "I-PER", "O", "B-LOC"), image="1.jpg"),
    Example("b", ("rain",), labels=("O",)),
]


def test_gold_mentions():
    assert gold_mentions(EXAMPLES[0]) == ["Ada Byron", "Oslo"]
    relation = Example("r", ("Ada", "of", "Oslo"), relation="of", subject=(2, 3), object=(0, 1))
    assert gold_mentions(relation) == ["Oslo", "Ada"]


def test_a_report():
    found = {
        "text": {
            "a": [
                Hit(0, 2.0, "", "Oslo (city)", "The <e: Ada_Byron> countess </e> stayed in oslo."),
                Hit(1, 1.0, "", "Rome", "Not Oslonians, but ada and Byron: Ada in Oslo Byron."),
            ]
        },
        "image": {"a": [Hit(0, 0.3, "", "Oslo (city)", "")], "b": [Hit(0, 0.2, "", "Rome", "")]},
    }
    report = report_split(
        EXAMPLES,
        ["Ada Byron in Oslo", " "],
        found,
        {"text": Counter(x=2, y=0), "image": Counter()},
        leaks=True,
    )
    assert (report["examples"], report["examples with an image"], report["empty queries"]) == (2, 1, 1)
    text = report["sources"]["text"]
    assert (text["hits"], text["hits a query"], text["queries without hits"]) == (2, 1.0, 1)
    assert text["queries by number of hits"] == {"0": 1, "2": 1}
    assert text["most frequent titles"] == {"Oslo (city)": 1, "Rome": 1}
    assert text["gold mentions"] == {"all": 2, "in a title": 1, "in an anchor": 1, "in the text": 1}
    assert (text["leaks"], text["counts"]) == (0, {"x": 2})
    assert report["overlap"]["text and image"] == {
        "examples with a title in common": 1,
        "titles in common": 1,
        "share of titles": round(1 / 3, 4),
    }
