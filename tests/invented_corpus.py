"""A small invented corpus with real photographs, posts about it and a run on them: to be looked at and asked.

folder = write_invented(tmp_path)     # tmp_path/kc, and posts, caches/posts, runs/posts; the same of pairs (relations)
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from kc_schema.retrieval_cache import Example, RetrievalCache, open_cache
from kc_schema.run_files import spans
from pipelines import build_image_kc, build_retrieval_cache, build_text_kc
from tests.dump_writer import DumpPage, write_dump
from tests.pipelines.image_index.conse import SPEC, photographs
from training.data.labels import TagSet, write_tags
from training.distributions import Distributions, save_distributions
from training.gate import Gate, mix_distributions

HOSTILE = "A <script>document.title = 'broken'</script> name \u202eand a turned one"

_PAGES = {
    "Port Ellery": (
        "'''Port Ellery''' is a harbour town on the west coast of [[Sorland]]. [[Ada Sterling]] was born here, and the"
        " cat [[Marlow (cat)|Marlow]] lives at its quay.\n\n"
        "[[File:Palace.jpg|thumb|The palace in the old park of Port Ellery]]\n"
        "== History ==\nFishermen built the first quay of Port Ellery from the timber of two wrecks. The palace in the"
        " park has a curved roof; see [[Linhua Palace]].\n\n"
        "== Places to eat ==\n* [[Harbour Coffee]] serves espresso from early in the morning.\n"
        "* The market hall sells fish until noon.\n"
    ),
    "Marlow (cat)": (
        "[[File:Cat.png|thumb|Marlow, a striped cat, looks at the camera]]\n"
        "'''Marlow''' is a striped cat that lives at the quay of [[Port Ellery]]. He was found in a crate of herring"
        " by the crew of a trawler.\n\n"
        "== Fame ==\nA photograph of the cat was printed on stamps of [[Sorland]]. Marlow sleeps in the window of"
        " [[Harbour Coffee]] and is fed by everybody.\n"
    ),
    "Harbour Coffee": (
        "[[File:Coffee.png|thumb|A cup of espresso on a wooden table]]\n"
        "'''Harbour Coffee''' is a coffee house at the quay of [[Port Ellery]]. It roasts its own beans and is known"
        " for a small cup of espresso with cardamom.\n\n"
        "== Owners ==\nTwo sisters opened the house with the prize of a lottery. The cat [[Marlow (cat)|Marlow]]"
        " sleeps in its window.\n"
    ),
    "Petrel 3": (
        "[[File:Rocket.jpg|thumb|The rocket Petrel 3 on its launch pad]]\n"
        "'''Petrel 3''' is a rocket that was launched from an island off [[Port Ellery]]. [[Ada Sterling]] flew on"
        " its second flight.\n\n"
        "== Flights ==\nThe first launch of the rocket was put off nine times for fog. The second one brought a"
        " telescope into orbit.\n"
    ),
    "Ada Sterling": (
        "[[File:Astronaut.png|thumb|Ada Sterling in her space suit]]\n"
        "'''Ada Sterling''' is an engineer and astronaut from [[Port Ellery]]. She flew on the rocket [[Petrel 3]] and"
        " mended its telescope with a spoon.\n\n"
        "== Life ==\nSterling learned to weld in her mother's garage, where she built her first moped. Later she"
        " founded the [[Vessa Moped Club]].\n"
    ),
    "Vessa Moped Club": (
        "[[File:Motorcycle.png|thumb|A motorcycle in the garage of the club]]\n"
        "'''The Vessa Moped Club''' repairs old mopeds and motorcycles in a garage of [[Port Ellery]]. It was founded"
        " by [[Ada Sterling]].\n"
    ),
    "Rowan Garden": (
        "[[File:Flower.jpg|thumb|A flower in the Rowan Garden]]\n"
        "'''The Rowan Garden''' is a public garden of [[Port Ellery]] with two thousand kinds of flowers. Its dahlias"
        " bloom until the first frost.\n"
    ),
    "Linhua Palace": (
        "[[File:Palace.jpg|thumb|The curved roof of the palace]]\n"
        "'''Linhua Palace''' is a palace in a park of [[Port Ellery]], built by a merchant who had lived abroad. Its"
        " roof is curved like that of a temple.\n"
    ),
    "Sorland": "'''Sorland''' is an island of fishermen and engineers. Its largest town is [[Port Ellery]].\n",
    "Odd names": (
        "'''Odd names''' are looked at here: <nowiki><script>document.title = 'broken'</script></nowiki> is no"
        " program, and \u202ethis is turned around\u202c by a mark.\n"
    ),
}  # fmt: skip
_REDIRECTS = {"Marlow": "Marlow (cat)", "The Harbour Coffee House": "Harbour Coffee", "Ellery": "Port Ellery"}
_POSTS = [
    ("Ada Sterling drinks at Harbour Coffee again", "B-PER I-PER O O B-ORG I-ORG O", "Coffee.png"),
    ("Marlow sleeps all day in Port Ellery", "B-PER O O O O B-LOC I-LOC", "Cat.png"),
    ("the second launch of Petrel 3 was loud", "O O O O B-MISC I-MISC O O", "Rocket.jpg"),
    ("flowers from Rowan Garden for Ada", "O O B-LOC I-LOC O B-PER", "Flower.jpg"),
    ("my moped is back from Vessa Moped Club", "O O O O O B-ORG I-ORG I-ORG", "Motorcycle.png"),
    ("a walk to Linhua Palace in the rain", "O O O B-LOC I-LOC O O O", "Palace.jpg"),
    ("nothing ever happens in Sorland", "O O O O B-LOC", None),
]
_PAIRS = [
    ("Ada Sterling drinks at Harbour Coffee again", (0, 2), (4, 6), "/per/org/guest_of", "Coffee.png"),
    ("Marlow sleeps all day in Port Ellery", (0, 1), (5, 7), "/per/loc/lives_in", "Cat.png"),
    ("flowers from Rowan Garden for Ada", (5, 6), (2, 4), "/per/loc/guest_of", "Flower.png"),
    ("the Petrel 3 with Ada Sterling on board", (4, 6), (1, 3), "/per/misc/flies_on", "Rocket.png"),
    (
        "<script>Marlow</script> hates <b>mopeds</b>",
        (0, 1),
        (2, 3),
        "/per/misc/<i>hates</i>",
        "Motorcycle.png",
    ),
    ("Ada Sterling of the Vessa Moped Club", (0, 2), (4, 7), "/per/org/member_of", "Motorcycle.png"),
]
"""Sentence, subject, object, relation, image."""
EXPERTS = {"baseline": None, "text": "text", "image": "sentence_image"}


def write_invented(folder: Path, *, posts: bool = True) -> Path:
    """Builds everything below `folder` with the project's own commands; the run alone is written by hand."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    for name, path in photographs().items():
        image = Image.open(path).convert("RGB")
        image.thumbnail((640, 640))
        image.save(pictures / f"{name.capitalize()}{path.suffix}")
    dump = folder / "invented-20260101-pages-articles.xml.bz2"
    redirects = [DumpPage(a, f"#REDIRECT [[{b}]]", redirect=b) for a, b in _REDIRECTS.items()]
    write_dump(dump, [*(DumpPage(title, text) for title, text in _PAGES.items()), *redirects])
    kc = str(folder / "kc")
    assert build_text_kc.main(["--dump", str(dump), "--output", kc, "--workers", "1"]) == 0
    images = ["--kc", kc, "--images", str(pictures), "--encoder", SPEC, "--workers", "1"]
    assert build_image_kc.main(images) == 0
    if posts:
        _write_posts(folder / "posts")
        sources = ["--sources", "text,sentence_image,image,random_text", "--k", "3", "--mark-leaks"]
        arguments = ["--kc", kc, "--dataset", "twitter17", "--data", str(folder / "posts"), *sources]
        assert build_retrieval_cache.main([*arguments, "--output", str(folder / "caches" / "posts")]) == 0
        write_run(folder / "runs" / "posts", open_cache(folder / "caches" / "posts"))
        _write_pairs(folder / "pairs")
        sources = ["--sources", "text,sentence_image,image", "--k", "3", "--mark-leaks"]
        arguments = ["--kc", kc, "--dataset", "mnre", "--data", str(folder / "pairs"), *sources]
        arguments += [
            "--images",
            str(folder / "pairs" / "images"),
            "--output",
            str(folder / "caches" / "pairs"),
        ]
        assert build_retrieval_cache.main(arguments) == 0
        write_run(folder / "runs" / "pairs", open_cache(folder / "caches" / "pairs"))
    return folder


def _write_posts(folder: Path) -> None:
    images = folder / "images"
    images.mkdir(parents=True)
    lines = []
    for number, (text, labels, picture) in enumerate(_POSTS, start=1):
        lines.append(f"IMGID:{number}")
        lines += [f"{word}\t{label}" for word, label in zip(text.split(), labels.split(), strict=True)]
        lines.append("")
        if picture is not None:
            path = next(p for n, p in photographs().items() if n.capitalize() == picture.partition(".")[0])
            image = Image.open(path).convert("RGB")
            image.thumbnail((400, 400))
            image.save(images / f"{number}.jpg")
    for split in ("train", "test"):
        (folder / f"{split}.txt").write_text("\n".join(lines))


def _write_pairs(folder: Path) -> None:
    images = folder / "images"
    images.mkdir(parents=True)
    lines = []
    for text, subject, object_, relation, picture in _PAIRS:
        tokens = text.split()
        row = {"token": tokens, "relation": relation, "img_id": picture}
        for name, (start, end) in (("h", subject), ("t", object_)):
            row[name] = {"name": " ".join(tokens[start:end]), "pos": [start, end]}
        lines.append(repr(row))
        path = next(p for n, p in photographs().items() if n.capitalize() == picture.partition(".")[0])
        Image.open(path).convert("RGB").resize((200, 150)).save(images / picture)
    for split in ("train", "test"):
        (folder / f"mnre_{split}.txt").write_text("\n".join(lines) + "\n")


def write_run(folder: Path, cache: RetrievalCache, *, seeds: Sequence[int] = (1, 2, 3)) -> Path:
    """Writes a run as `training.run` leaves it, without fitting: experts that know some of the answers."""
    mixture = {
        "experts": ["text", "image"], "kind": "gate",
        "gate": {"vectors": None, "normalised": True, "weights": "example"},
    }  # fmt: skip
    config = {
        "cache": str(cache.folder), "seeds": list(seeds), "train": "train", "dev": "train", "test": "test",
        "experts": {name: {"source": source} for name, source in EXPERTS.items()}, "mixtures": {"moe": mixture},
    }  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    for seed in seeds:
        _write_seed(folder, cache, seed)
    return folder


def _write_seed(folder: Path, cache: RetrievalCache, seed: int) -> None:
    draws = random.Random(seed)
    task, answers = _ner_answers(cache) if cache.task == "ner" else _relation_answers(cache)
    examples = cache.examples("test")
    labels = len(task["names"]) if cache.task == "re" else 4 * len(task["names"]) + 1  # type: ignore[arg-type]
    found: dict[str, Distributions] = {}
    for name in EXPERTS:
        place = folder / "experts" / name / f"seed-{seed}"
        place.mkdir(parents=True)
        (place / "expert.json").write_text(json.dumps({"task": task, "source": EXPERTS[name]}))
        parts = [answers(name, number, example, draws) for number, example in enumerate(examples)]
        best = np.concatenate([np.array(part) for part in parts])
        shares = np.full((len(best), labels), 0.02, np.float32)
        shares[np.arange(len(best)), best] = 0.7 + 0.2 * np.random.default_rng(seed).random(len(best))
        shares /= shares.sum(1, keepdims=True)
        found[name] = Distributions(shares, best, np.array([len(part) for part in parts]), best)
        save_distributions(folder / "distributions" / name / f"seed-{seed}" / "test.safetensors", found[name])
    vectors = [cache.vectors("test", c) for c in ("text_vector", "image_vector") if c in cache.feature_widths]
    features = torch.from_numpy(np.concatenate(vectors, 1))
    torch.manual_seed(seed)
    gate = Gate(features.shape[1], 2, 1)
    torch.nn.init.normal_(gate.score.weight)
    with torch.no_grad():
        mixed = mix_distributions([found["text"], found["image"]], gate(features))
    place = folder / "mixtures" / "moe" / f"seed-{seed}"
    save_distributions(place / "test.safetensors", mixed)
    save_file(gate.state_dict(), place / "gate.safetensors")


Answers = Callable[[str, int, Example, random.Random], list[int]]
"""Takes an expert, the number of an example, the example and a source of chance; returns labels, one a row."""


def _ner_answers(cache: RetrievalCache) -> tuple[dict[str, object], Answers]:
    tags = TagSet.of((e.labels or () for e in cache.examples("train")), "bioes")

    def answer(name: str, number: int, example: Example, draws: random.Random) -> list[int]:
        known = [s for s in spans(example.labels or ()) if name != "baseline" or draws.random() < 0.4]
        if name == "image" and number % 3 == 0:
            known = known[:1]
        return list(tags.encode(write_tags(known, len(example.tokens), "bioes"), "test"))

    return {"task": "ner", "names": list(tags.types), "scheme": "bioes", "constraints": False}, answer


def _relation_answers(cache: RetrievalCache) -> tuple[dict[str, object], Answers]:
    names = sorted({e.relation or "" for e in cache.examples("train")})

    def answer(name: str, number: int, example: Example, draws: random.Random) -> list[int]:
        place = names.index(example.relation or "")
        share = {"baseline": 0.2, "text": 1.0, "image": 0.6}[name]
        return [place if draws.random() < share else (place + 1) % len(names)]

    return {"task": "re", "names": names}, answer
