"""Cases as in the paper's Figure 2: input, image, evidence, the answers of the experts and the mixture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kc_schema.contexts import context_text
from kc_schema.retrieval_cache import Example, Hit
from training.data.labels import TagSet, entities
from training.distributions import Distributions
from training.task import Task

__all__ = ["Case", "choose_cases"]

_SHOWN_HITS = 2
_SHOWN_CHARACTERS = 400


@dataclass(frozen=True)
class Case:
    """One example of the test split."""

    example_id: str
    tokens: tuple[str, ...]
    image: str | None
    gold: str
    answers: dict[str, str]
    """Variant -> its answer."""
    evidence: dict[str, list[str]]
    """Source -> its best hits as text."""
    weights: dict[str, float]
    """Expert -> the gate's weight, averaged over the labels; empty without a gate."""
    pair: str = ""
    """RE: which two entities are asked for."""


def _answer(task: Task, example: Example, labels: Sequence[int]) -> str:
    """Return predicted labels as one reads them: ``Oslo: LOC; Ada: PER``, or the relation."""
    names = [task.label_names[label] for label in labels]
    return _entities_text(example, names) if isinstance(task.labels, TagSet) else names[0]


def _gold_answer(example: Example) -> str:
    """Return the gold labels in the same form."""
    if example.labels is None:
        return example.relation or ""
    return _entities_text(example, example.labels)


def _entities_text(example: Example, labels: Sequence[str]) -> str:
    found = entities(labels)
    return "; ".join(f"{' '.join(example.tokens[start:end])}: {kind}" for kind, start, end in found) or "none"


def choose_cases(
    task: Task,
    examples: Sequence[Example],
    predictions: Mapping[str, Distributions],
    mixture: str,
    hits: Mapping[str, Mapping[str, Sequence[Hit]]],
    weights: Sequence[Mapping[str, float]],
    limit: int = 8,
) -> list[Case]:
    """Return the most telling examples: those on which the experts disagree, the mixture's successes first.

    Args:
        task: the task.
        examples: of the test split.
        predictions: variant -> distributions, experts and `mixture`.
        mixture: name of the mixture among them.
        hits: source -> example id -> hits.
        weights: the gate's weight of each expert for each example; empty without a gate.
        limit: cases at most.
    """
    labels = {name: found.by_example(found.best) for name, found in predictions.items()}
    ranked = []
    for row, example in enumerate(examples):
        gold = _gold_answer(example)
        answers = {name: _answer(task, example, rows[row]) for name, rows in labels.items()}
        if len(set(answers.values())) == 1:
            continue
        wrong = sum(value != gold for name, value in answers.items() if name != mixture)
        ranked.append((answers[mixture] != gold, -wrong if answers[mixture] == gold else wrong, row, answers))
    ranked.sort(key=lambda entry: entry[:3])
    failures = [entry for entry in ranked if entry[0]]
    successes = [entry for entry in ranked if not entry[0]]
    # A quarter of the place is for what the mixture gets wrong: a report that shows successes only misleads.
    shown_failures = failures[: max(limit // 4, limit - len(successes))]
    chosen = successes[: limit - len(shown_failures)] + shown_failures
    return [
        Case(
            examples[row].example_id,
            examples[row].tokens,
            examples[row].image,
            _gold_answer(examples[row]),
            answers,
            {source: _shown(found.get(examples[row].example_id, ())) for source, found in hits.items()},
            dict(weights[row]) if weights else {},
            _pair(examples[row]),
        )
        for _, _, row, answers in chosen
    ]


def _pair(example: Example) -> str:
    if example.subject is None or example.object is None:
        return ""
    subject, obj = (" ".join(example.tokens[start:end]) for start, end in (example.subject, example.object))
    return f"Subject: {subject}; object: {obj}"


def _shown(hits: Sequence[Hit]) -> list[str]:
    texts = [context_text(hit, keep_anchors=False, title=True) for hit in hits[:_SHOWN_HITS]]
    return [text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + " …" for text in texts]
