"""Invented data whose labels hide in the evidence: half in the text evidence, half in the image evidence.

Every example has something that its sentence does not tell: the type of an invented name (NER) or how two
invented names are related (RE). For half of the examples the text evidence tells it, and the image evidence
shows something else; for the other half it is the other way round. The evidence that does not tell misleads
as real retrieval does: a namesake of another type, a picture of another thing. So an expert can know half of
the hidden part, and only who knows which expert to trust can know all of it; the features tell that, with noise.

Sentences also hold an easy part that needs no evidence, and what is hidden has a most frequent answer. So it is
known what can be had without evidence: the easy part, and the most frequent answer for the rest. A baseline that
has learned this cannot be surpassed by evidence drawn at random; who follows such evidence does worse.

Where types are planted the vectors are noise alone, and what the text evidence is about tells whether it knows: an
article on a thing, or one on a name that many bear.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from kc_schema.retrieval_cache import CacheWriter, Example, Hit, RetrievalCache

__all__ = [
    "ANSWERS",
    "MOST_FREQUENT",
    "SOURCES",
    "WRONG_TYPES",
    "Planted",
    "generate",
    "knowing_source",
    "write_planted",
]

WIDTH = 16
"""Numbers of a planted vector."""
SOURCES = ("text", "image", "random_text", "random_image")
_KNOWS = {"ner": ("text", "image"), "re": ("text", "image", "sentence")}

# Few and used again and again, each for things of all kinds, so that a name by itself tells nothing.
_NAMES = (
    "Badel",
    "Bahu",
    "Delka",
    "Filos",
    "Gorlo",
    "Hufi",
    "Jenru",
    "Kanu",
    "Lomir",
    "Mirgor",
    "Nudel",
    "Osprak",
    "Praru",
    "Quilmir",
    "Rubas",
    "Stajen",
)
_NEUTRAL = (
    "cannot stop talking about {x} today",
    "so {x} is all over my feed again",
    "who else remembers {x} ?",
    "{x} made my whole week",
    "still thinking about {x} tonight",
    "one more thing about {x} , then I sleep",
)
_EASY = {
    "PER": ("and my {cue} {y} agrees", "with {cue} {y} on the phone"),
    "LOC": ("here in the {cue} of {y}", "on the road to the {cue} of {y}"),
    "ORG": ("says the {cue} {y}", "as the {cue} {y} posted"),
    "MISC": ("after the {cue} {y}", "while on about the {cue} {y}"),
}
_CUES = {
    "PER": ("teacher", "uncle", "doctor", "sister"),
    "LOC": ("town", "village", "valley", "island"),
    "ORG": ("company", "club", "union", "agency"),
    "MISC": ("film", "novel", "song", "festival"),
}
_ARTICLES = {
    "PER": ("{x} is a singer who was born in a small house .", "{x} was a painter and a teacher ."),
    "LOC": ("{x} is a village on a river .", "{x} is a harbour town in the north ."),
    "ORG": ("{x} is a company that makes bicycles .", "{x} is a football club with blue shirts ."),
    "MISC": ("{x} is a novel in three parts .", "{x} is a film about a long winter ."),
}
_PAIRS = (
    "what a story , {s} and {o}",
    "{s} again , and {o} of course",
    "reading about {s} and {o} all night",
)
_STATED = {
    "/per/loc/place_of_birth": (
        "{s} was born in {o}",
        "{s} is a native of {o}",
        "{s} came into this world in {o}",
    ),
    "/per/loc/place_of_residence": ("{s} has a house in {o}", "{s} lives in {o}", "the home of {s} is {o}"),
    "/per/org/member_of": ("{s} plays for {o}", "{s} signed with {o}", "{s} works at {o}"),
    "/per/per/couple": ("{s} married {o}", "{s} is engaged to {o}", "the wife of {s} is {o}"),
    "None": ("{s} wrote a letter about {o}", "{s} dislikes {o}", "{s} never met {o}"),
}
_FACTS = {
    "/per/loc/place_of_birth": ("{s} was born in {o} .", "the birth of {s} took place in {o} ."),
    "/per/loc/place_of_residence": ("{s} lives in {o} .", "{s} moved house to {o} ."),
    "/per/org/member_of": ("{s} plays for {o} .", "{s} is a player of the club {o} ."),
    "/per/per/couple": ("{s} is married to {o} .", "the wedding of {s} and {o} was in spring ."),
    "None": ("{s} once wrote about {o} .", "{s} has never met {o} ."),
}
_TYPES = {"PER": "human", "LOC": "human settlement", "ORG": "organization", "MISC": "creative work"}
_NAMESAKES = ("family name", "given name", "disambiguation page")
WRONG_TYPES = 0.05
"""Share of the text evidence whose types tell the opposite."""
ANSWERS: Mapping[str, tuple[str, ...]] = {"ner": tuple(_ARTICLES), "re": tuple(_STATED)}
"""What may be hidden: entity types, relations."""
MOST_FREQUENT: Mapping[str, str] = {"ner": "PER", "re": "/per/org/member_of"}
"""The answer that is hidden four times as often as each other. For relations not ``None``: that would be left
out of the scores."""


@dataclass(frozen=True)
class Planted:
    """An example with all its evidence."""

    example: Example
    knows: str
    """The source that tells what is hidden, ``text`` or ``image``; ``sentence`` where nothing is."""
    evidence: Mapping[str, list[Hit]]
    """Source -> hits."""
    text_vector: list[float]
    image_vector: list[float] | None


def knowing_source(example_id: str) -> str:
    """Return `Planted.knows` from an example's id, which ends in it."""
    return example_id.rsplit("-", 1)[1]


def _answer(chance: random.Random, task: str) -> str:
    weights = [4 if answer == MOST_FREQUENT[task] else 1 for answer in ANSWERS[task]]
    return chance.choices(ANSWERS[task], weights)[0]


def generate(task: str, split: str, size: int, seed: int, *, types: bool = False) -> list[Planted]:
    """Return `size` examples of a split: the same for the same arguments.

    With `types` those of the text evidence tell who knows, in place of the vectors.

    Raises:
        KeyError: a task other than ``ner`` and ``re``.
    """
    # The directions belong to the world, not to the split.
    world = np.random.default_rng(seed)
    directions = world.normal(size=(2, WIDTH)) / WIDTH**0.5
    chance = random.Random(f"{task} {split} {seed}")
    noise = np.random.default_rng([seed, *split.encode()])
    build = _entity_example if task == "ner" else _relation_example
    planted = []
    for number in range(size):
        knows = _KNOWS[task][number % len(_KNOWS[task])]
        answer = _answer(chance, task)
        example, names = build(chance, f"{split}-{number}-{knows}", knows, answer)
        side = {"text": 1.0, "image": -1.0, "sentence": 0.0}[knows]
        vectors = (0.0 if types else side) * directions * 4 + noise.normal(size=(2, WIDTH)) / WIDTH**0.5
        evidence = {source: _evidence(chance, task, source, knows, answer, names) for source in SOURCES}
        if types:
            evidence["text"] = [replace(hit, types=_types(chance, knows, answer)) for hit in evidence["text"]]
        planted.append(
            Planted(
                example,
                knows,
                evidence,
                vectors[0].tolist(),
                None if example.image is None else vectors[1].tolist(),
            )
        )
    return planted


def _types(chance: random.Random, knows: str, answer: str) -> tuple[str, ...]:
    """Return what the text evidence is about; now and then it is misleading."""
    of_a_thing = (knows == "text") != (chance.random() < WRONG_TYPES)
    return (_TYPES.get(answer, "human"),) if of_a_thing else (chance.choice(_NAMESAKES),)


def _entity_example(
    chance: random.Random, example_id: str, knows: str, answer: str
) -> tuple[Example, tuple[str, str]]:
    hidden, easy = chance.sample(_NAMES, 2)
    words = chance.choice(_NEUTRAL).format(x=hidden).split()
    labels = [f"B-{answer}" if word == hidden else "O" for word in words]
    kind = chance.choice(tuple(_EASY))
    more = chance.choice(_EASY[kind]).format(y=easy, cue=chance.choice(_CUES[kind])).split()
    words += more
    labels += [f"B-{kind}" if word == easy else "O" for word in more]
    example = Example(example_id, tuple(words), labels=tuple(labels), image=_image(chance, example_id, knows))
    return example, (hidden, easy)


def _relation_example(
    chance: random.Random, example_id: str, knows: str, answer: str
) -> tuple[Example, tuple[str, str]]:
    subject, obj = chance.sample(_NAMES, 2)
    if knows == "sentence":
        answer = chance.choice(ANSWERS["re"])
    sentence = chance.choice(_STATED[answer] if knows == "sentence" else _PAIRS)
    words = sentence.format(s=subject, o=obj).split()
    places = [(words.index(name), words.index(name) + 1) for name in (subject, obj)]
    image = _image(chance, example_id, knows)
    example = Example(
        example_id, tuple(words), relation=answer, subject=places[0], object=places[1], image=image
    )
    return example, (subject, obj)


def _image(chance: random.Random, example_id: str, knows: str) -> str | None:
    """One text in twenty has no image, as in real data."""
    return None if knows == "text" and chance.random() < 0.1 else f"{example_id}.jpg"


def _evidence(
    chance: random.Random, task: str, source: str, knows: str, answer: str, names: tuple[str, str]
) -> list[Hit]:
    """Return a hit that tells `answer` if the source knows it, and else something drawn at random.

    Text evidence is about the names themselves (or, where it does not know, about namesakes); image evidence
    and random evidence is about others.
    """
    claim = answer if source == knows else _answer(chance, task)
    strangers = [name for name in _NAMES if name not in names]
    about = names if source == "text" else chance.sample(strangers, 2)
    pattern = chance.choice((_ARTICLES if task == "ner" else _FACTS)[claim])
    text = pattern.format(x=about[0], s=about[0], o=about[1])
    tagged = text.replace(about[0], f"<e: {about[0]}> {about[0]} </e>", 1)
    key = f"{about[0]}.jpg" if source.endswith("image") else text
    return [Hit(0, 1.0, key, about[0], tagged, chance.randrange(1 << 40))]


def write_planted(
    folder: Path | str, *, task: str, sizes: Mapping[str, int], seed: int = 0, types: bool = False
) -> RetrievalCache:
    """Write planted data as a retrieval cache and return it.

    Args:
        folder: of the cache.
        task: ``ner`` or ``re``.
        sizes: split -> number of examples.
        seed: of the invented world.
        types: whether types of the text evidence tell who knows, in place of the vectors.
    """
    writer = CacheWriter(
        folder,
        dataset=f"planted-{task}",
        task=task,
        options={"seed": seed, "sizes": dict(sizes), **({"types": True} if types else {})},
        overwrite=True,
    )
    splits: dict[str, Sequence[Planted]] = {
        split: generate(task, split, size, seed, types=types) for split, size in sizes.items()
    }
    for split, planted in splits.items():
        writer.write_examples(split, (item.example for item in planted))
        for source in SOURCES:
            hits = {item.example.example_id: item.evidence[source] for item in planted}
            writer.write_hits(source, split, hits, ["types"] if types and source == "text" else [])
        writer.write_features(
            split,
            (
                {
                    "example_id": item.example.example_id,
                    "text_vector": item.text_vector,
                    "image_vector": item.image_vector,
                }
                for item in planted
            ),
        )
    return writer.commit()
