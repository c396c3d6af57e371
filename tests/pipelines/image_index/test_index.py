"""The index stage and search over it, beside exact search."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("faiss")

from pipelines.engine import Engine
from pipelines.image_index import ImageIndexError, open_index
from pipelines.image_index.layout import Layout
from pipelines.image_index.vector_index import probing, recall, tuning
from pipelines.image_index.vector_index.build import IndexOptions, build_index, index_is_current
from pipelines.image_index.vector_index.choice import plan_index, unwrap
from pipelines.image_index.vector_index.probing import Probe, Probing, search_by_need
from pipelines.image_index.vector_index.recall import make_queries, recall_of
from pipelines.image_index.vector_index.served import IndexDescription
from tests.pipelines.image_index.corpora import ENCODER, clustered_vectors, random_ids, write_corpus

REFINED = "IVF64(RaBitQfs,RFlat),RaBitQfs2,Refine(SQfp16)"


@pytest.fixture(autouse=True)
def short_measurements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall, "_SECONDS", 0.02)


def build(kc: Path, embeddings, *, workers: int = 1, **options):  # type: ignore[no-untyped-def]
    lines: list[str] = []
    with Engine(workers) as engine:
        given = IndexOptions(**options)
        return build_index(Layout(kc), embeddings, ENCODER, given, engine, lines.append), lines


def lowest_recall(description: IndexDescription) -> float:
    return min(description.recall["held out"], description.recall["mixed"])


def exact(vectors: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    scores = queries.astype(np.float64) @ vectors.astype(np.float64).T
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize(
    ("vectors", "kind", "factory"),
    [
        (1, "exact", "Flat"),
        (20_000, "exact", "Flat"),
        (20_001, "ivf", "IVF512,SQfp16"),
        (100_000, "ivf", "IVF1024,SQfp16"),
        (1_000_000, "ivf-refine", "IVF4096(RaBitQfs,RFlat),RaBitQfs2,Refine(SQfp16)"),
        (4_000_000, "ivf-refine", "IVF8192(RaBitQfs,RFlat),RaBitQfs2,Refine(SQfp16)"),
    ],
)
def test_the_index_is_chosen_by_the_number_of_vectors(vectors: int, kind: str, factory: str) -> None:
    plan = plan_index(vectors, 512, factory=None, shards=None)
    assert (plan.kind, plan.factory) == (kind, factory)
    assert plan.shards == max(1, vectors // 250_000 if plan.centroids else 1)


def test_an_unknown_factory_is_refused() -> None:
    with pytest.raises(ImageIndexError, match="--index IVFsome"):
        plan_index(100, 16, factory="IVFsome", shards=None)


def test_a_small_corpus_is_searched_exactly(tmp_path: Path) -> None:
    ids, vectors = random_ids(500), clustered_vectors(500)
    description, _ = build(tmp_path, write_corpus(tmp_path, ids, vectors))
    assert description.kind == "exact"
    assert description.recall == {"at": 10, "queries": 500, "held out": 1.0, "mixed": 1.0}
    index = open_index(tmp_path)
    queries = clustered_vectors(20, seed=5)
    expected = ids[exact(vectors, queries, 10)]
    # Of any length: they are normalised.
    hits = index.search(queries.astype(np.float32) * 3.0, 10)
    assert [[hit.record_id for hit in row] for row in hits] == expected.tolist()
    assert [hit.rank for hit in hits[0]] == list(range(10))
    place = int(np.flatnonzero(ids == hits[0][0].record_id)[0])
    assert hits[0][0].key == f"image_{place}.jpg"
    assert hits[0][0].title == f"Article {place}"
    assert hits[0][0].text == f"About <e: It> Article {place} </e>."
    assert hits[0][0].score == pytest.approx(1.0, abs=0.7)
    assert len(index) == 500


@pytest.mark.parametrize(
    ("factory", "shards"),
    [
        ("IVF64,SQfp16", 1),
        ("IVF64,SQfp16", 3),
        (REFINED, 1),
        ("IVF64(RaBitQfs,RFlat),RaBitQfs,Refine(SQfp16)", 1),
        ("IVF64,Flat", 1),
        ("PCA28,IVF16,Flat", 1),
        ("HNSW32,SQfp16", 1),
    ],
)
def test_an_index_has_the_recall_that_is_promised(tmp_path: Path, factory: str, shards: int) -> None:
    ids, vectors = random_ids(4000), clustered_vectors(4200)
    vectors, queries = vectors[:4000], vectors[4000:]
    embeddings = write_corpus(tmp_path, ids, vectors)
    promised = 0.6 if factory.startswith("PCA") else 0.97
    description, _ = build(
        tmp_path, embeddings, factory=factory, shards=shards, min_recall=promised, workers=2
    )
    assert lowest_recall(description) >= promised
    expected = ids[exact(vectors, queries, 10)]
    found = [
        [image for _, image in row] for row in open_index(tmp_path).nearest(queries.astype(np.float32), 10)
    ]
    hits = sum(len(set(a) & set(b)) for a, b in zip(found, expected.tolist(), strict=True))
    assert hits / 2000 >= promised - 0.03


def test_shards_and_one_piece_find_the_same(tmp_path: Path) -> None:
    ids, vectors = random_ids(3000), clustered_vectors(3000)
    queries = clustered_vectors(50, seed=3).astype(np.float32)
    for factory in ("IVF32,SQfp16", "IVF32(RaBitQfs,RFlat),RaBitQfs2,Refine(SQfp16)"):
        found = []
        for shards in (1, 4):
            kc = tmp_path / f"{factory[6:9]}-{shards}"
            embeddings = write_corpus(kc, ids, vectors)
            build(kc, embeddings, factory=factory, shards=shards, workers=1)
            found.append(open_index(kc).nearest(queries, 10))
        assert found[0] == found[1]


def test_vectors_lie_in_the_list_of_the_nearest_centroid(tmp_path: Path) -> None:
    import faiss

    vectors = clustered_vectors(3000)
    build(tmp_path, write_corpus(tmp_path, random_ids(3000), vectors), factory=REFINED, shards=2)
    index = open_index(tmp_path)  # must outlive what points into it
    base, _ = unwrap(index._index)
    quantizer = faiss.downcast_index(base.quantizer)
    centroids = faiss.downcast_index(quantizer.refine_index).reconstruct_n(0, 64)
    nearest = np.argmax(vectors.astype(np.float32) @ centroids.T, axis=1)
    lists = np.empty(3000, np.int64)
    for number in range(64):
        if not (size := base.invlists.list_size(number)):
            continue
        lists[faiss.rev_swig_ptr(base.invlists.get_ids(number), size)] = number
    assert np.mean(lists == nearest) > 0.99
    assert quantizer.k_factor > 1  # the lists that are visited are found in the same way


def test_recall_is_raised_as_far_as_asked(tmp_path: Path) -> None:
    ids, vectors = random_ids(2000), clustered_vectors(2000, clusters=2000, spread=2.0)
    embeddings = write_corpus(tmp_path, ids, vectors)
    probes = []
    for promised in (0.5, 0.9, 0.99):
        description, _ = build(tmp_path, embeddings, factory=REFINED, min_recall=promised)
        assert lowest_recall(description) >= promised
        wide = description.probing.wide
        probes.append((wide.nprobe, wide.k_factor))
    assert probes == sorted(probes)
    assert probes[0] < probes[-1]


def test_no_cheaper_setting_has_the_recall(tmp_path: Path) -> None:
    import faiss

    vectors = clustered_vectors(3000, clusters=300, spread=1.0)
    queries = make_queries(write_corpus(tmp_path, random_ids(3000), vectors), np.arange(0, 3000, 15), seed=1)
    index = faiss.index_factory(32, REFINED, faiss.METRIC_INNER_PRODUCT)
    index.train(vectors.astype(np.float32))
    index.add(vectors.astype(np.float32))
    chosen = tuning.tune(index, queries, min_recall=0.9)
    assert min(chosen.recall.values()) >= 0.9
    narrow, wide = chosen.probing.narrow, chosen.probing.wide
    assert tuning._cost(index, wide) > tuning._cost(index, narrow)
    for probe, asked in ((narrow, [queries["held out"]]), (wide, list(queries.values()))):
        cost = tuning._cost(index, probe)
        cheaper = [
            smaller
            for k_factor in tuning._K_FACTORS
            for nprobe in tuning._probes(index, 0)
            if tuning._cost(index, smaller := Probe(nprobe, k_factor)) < cost
            and (probe is narrow or (nprobe >= narrow.nprobe and k_factor >= narrow.k_factor))
        ]
        assert cheaper
        for smaller in cheaper:
            assert min(recall_of(index, some, Probing.always(smaller)) for some in asked) < 0.9


def test_only_queries_without_near_images_are_searched_for_widely(monkeypatch: pytest.MonkeyPatch) -> None:
    import faiss

    vectors = clustered_vectors(3000, clusters=300, spread=0.5).astype(np.float32)
    index = faiss.index_factory(32, "IVF64,Flat", faiss.METRIC_INNER_PRODUCT)
    index.train(vectors)
    index.add(vectors)
    far = clustered_vectors(50, clusters=50, spread=0.5, seed=9).astype(np.float32)
    queries = np.concatenate([vectors[:50], far])
    monkeypatch.setattr(probing, "_QUERIES_AT_ONCE", 33)
    scores, ids = search_by_need(index, queries, 5, Probing(Probe(1, 0), Probe(64, 0), 0.9))
    narrow = search_by_need(index, queries, 5, Probing.always(Probe(1, 0)))
    assert np.array_equal(ids[:50], narrow[1][:50])  # each is in the corpus itself
    assert (narrow[0][50:, 0] < 0.9).all()
    assert np.array_equal(ids[50:], exact(vectors, far, 5))
    assert (np.diff(scores, axis=1) <= 0).all()
    # An image that is left out does not say that others are near.
    left_out = np.arange(100)[:, None]
    left_out[50:] = -1
    _, ids = search_by_need(index, queries, 5, Probing(Probe(1, 0), Probe(64, 0), 0.9999), left_out=left_out)
    assert np.array_equal(ids[:50], exact(vectors, vectors[:50], 5))
    assert index.nprobe == 1  # threads may share the index
    # Where the narrow probe finds nothing at all, the wide one is asked.
    empty = faiss.index_factory(32, "IVF64,Flat", faiss.METRIC_INNER_PRODUCT)
    empty.train(vectors)
    empty.add(vectors[:3])
    _, ids = search_by_need(empty, queries, 3, Probing(Probe(1, 0), Probe(64, 0), -1.0))
    assert (ids[:, 0] >= 0).all()


def test_images_like_those_of_the_corpus_pay_little_for_wide_searches(tmp_path: Path) -> None:
    import faiss

    vectors = clustered_vectors(20_000, clusters=400, spread=0.2)
    embeddings = write_corpus(tmp_path, random_ids(20_000), vectors)
    queries = make_queries(embeddings, np.arange(0, 20_000, 40), seed=1)
    index = faiss.index_factory(32, "IVF256,Flat", faiss.METRIC_INNER_PRODUCT)
    index.train(vectors.astype(np.float32))
    index.add(vectors.astype(np.float32))
    chosen = tuning.tune(index, queries, min_recall=0.995)
    assert min(chosen.recall.values()) >= 0.995
    narrow, wide = chosen.probing.narrow, chosen.probing.wide
    assert wide.nprobe > 20 * narrow.nprobe  # a wide search of one image in ten would double the cost
    held_out = queries["held out"]
    scores, ids = probing.search_once(index, held_out.vectors, 10, narrow)
    widely = 1 - probing.near_enough(scores, ids, chosen.probing.below, held_out.left_out).mean()
    assert 0 < widely * wide.nprobe <= 1.2 * narrow.nprobe


def test_an_index_that_cannot_have_the_recall_is_not_published(tmp_path: Path) -> None:
    ids, vectors = random_ids(2000), clustered_vectors(2000, clusters=2000, spread=2.0)
    embeddings = write_corpus(tmp_path, ids, vectors)
    with pytest.raises(
        ImageIndexError,
        match=r"recall@10 of this index is 0\.\d+ for held out queries at best, below --min-recall 0.95; .*codes",
    ):
        build(tmp_path, embeddings, factory="IVF16,PQ4x4", min_recall=0.95)
    with pytest.raises(ImageIndexError, match="no image index"):
        open_index(tmp_path)


def test_queries_have_the_neighbours_that_brute_force_finds(tmp_path: Path) -> None:
    ids, vectors = random_ids(700), clustered_vectors(700)
    embeddings = write_corpus(tmp_path, ids, vectors, part_bits=3)
    queries = make_queries(embeddings, np.arange(0, 700, 7), seed=1)
    assert list(queries) == ["held out", "mixed"]
    for asked in queries.values():
        assert np.allclose(np.linalg.norm(asked.vectors, axis=1), 1.0, atol=1e-3)
        expected = [
            [n for n in row if n not in left_out][:10]
            for left_out, row in zip(asked.left_out, exact(vectors, asked.vectors, 11), strict=True)
        ]
        assert asked.exact.tolist() == expected
    # As the held-out images are spread, so are their mixtures.
    held_out, mixed = (queries[name].vectors.astype(np.float64) for name in ("held out", "mixed"))
    spread = [np.linalg.eigvalsh(np.cov(part.T))[::-1] for part in (held_out, mixed)]
    assert np.allclose(spread[0][:5], spread[1][:5], rtol=0.5)


@pytest.mark.parametrize("rows", [1, 2, 3, 11, 12, 13])
def test_a_corpus_of_a_few_images_is_indexed(tmp_path: Path, rows: int) -> None:
    description, _ = build(tmp_path, write_corpus(tmp_path, random_ids(rows), clustered_vectors(rows)))
    recall = {name: share for name, share in description.recall.items() if name not in ("at", "queries")}
    assert set(recall.values()) == {1.0}


def test_recall_is_promised_for_queries_unlike_the_corpus(tmp_path: Path) -> None:
    ids, vectors = random_ids(6000), clustered_vectors(6000, clusters=200, spread=0.6)
    embeddings = write_corpus(tmp_path, ids, vectors)
    description, lines = build(tmp_path, embeddings, factory="IVF128,Flat", min_recall=0.95)
    assert [line for line in lines if "rounds" in line] == [
        f"training: {done} of 10 rounds" for done in range(1, 11)
    ]
    recall = description.recall
    assert recall["held out"] >= recall["mixed"] >= 0.95
    assert [line.split(",")[0] for line in lines[-2:]] == [
        f"{name} queries: recall@10 {recall[name]:.3f}" for name in ("held out", "mixed")
    ]
    assert set(description.queries_per_second) == {"held out", "mixed"}
    assert re.fullmatch(
        r"every query: nprobe \d+, k_factor 0; where nothing of similarity 0\.\d+ is found: nprobe \d+, k_factor 0",
        lines[-3],
    )
    # Queries of neither kind: from clusters of their own.
    queries = clustered_vectors(500, clusters=500, spread=0.6, seed=4).astype(np.float32)
    found = [[image for _, image in row] for row in open_index(tmp_path).nearest(queries, 10)]
    expected = ids[exact(vectors, queries, 10)].tolist()
    hits = sum(len(set(a) & set(b)) for a, b in zip(found, expected, strict=True))
    assert hits / 5000 >= 0.9


def test_articles_of_one_image_come_in_a_stable_order(tmp_path: Path) -> None:
    ids, vectors = random_ids(3), clustered_vectors(3)
    vectors[2] = vectors[0]
    articles = {
        int(ids[0]): [(7, "Gallery", "gallery"), (9, "Second", "thumbnail"), (8, "First", "thumbnail")],
        int(ids[2]): [(7, "Gallery", "infobox")],
    }
    build(tmp_path, write_corpus(tmp_path, ids, vectors, articles))
    index = open_index(tmp_path)
    (hits,) = index.search(vectors[:1], 4)
    assert [(hit.title, hit.place) for hit in hits] == [
        ("First", "thumbnail"),
        ("Second", "thumbnail"),
        ("Gallery", "gallery"),
        ("Gallery", "infobox"),
    ]
    (hits,) = index.search(vectors[:1], 10, distinct_articles=True)
    assert [hit.title for hit in hits] == ["First", "Second", "Gallery", "Article 1"]
    assert [hit.rank for hit in hits] == [0, 1, 2, 3]
    assert [len(row) for row in index.search(vectors, 2)] == [2, 2, 2]


def test_distinct_articles_are_looked_for_further_down(tmp_path: Path) -> None:
    ids, vectors = random_ids(60), clustered_vectors(60)
    articles = {int(image): [(1, "The same", "thumbnail")] for image in ids[:50]}
    build(tmp_path, write_corpus(tmp_path, ids, vectors, articles))
    (hits,) = open_index(tmp_path).search(vectors[:1], 5, distinct_articles=True)
    assert len({hit.page_id for hit in hits}) == 5


@pytest.mark.parametrize(
    "wrong", [np.zeros((1, 32)), np.full((1, 32), np.nan), np.ones((1, 31)), np.ones(32)]
)
def test_what_is_no_query_is_refused(tmp_path: Path, wrong: np.ndarray) -> None:
    build(tmp_path, write_corpus(tmp_path, random_ids(20), clustered_vectors(20)))
    with pytest.raises(ValueError, match=r"vector"):
        open_index(tmp_path).search(wrong, 3)
    assert open_index(tmp_path).search(np.zeros((0, 32)), 3) == []


def test_an_index_is_current_for_its_embeddings_only(tmp_path: Path) -> None:
    ids, vectors = random_ids(200), clustered_vectors(200)
    embeddings = write_corpus(tmp_path, ids, vectors)
    build(tmp_path, embeddings)
    assert index_is_current(Layout(tmp_path), embeddings, IndexOptions())
    assert not index_is_current(Layout(tmp_path), embeddings, IndexOptions(factory="IVF4,Flat"))
    fewer = write_corpus(tmp_path, ids[1:], vectors[1:])
    assert not index_is_current(Layout(tmp_path), fewer, IndexOptions())


def test_an_index_without_its_description_is_none(tmp_path: Path) -> None:
    build(tmp_path, write_corpus(tmp_path, random_ids(20), clustered_vectors(20)))
    index = tmp_path / "images" / "index.faiss"
    whole = index.read_bytes()
    index.write_bytes(whole[:-5])
    with pytest.raises(
        ImageIndexError, match=r"index\.json: of another version, or not of .* --stage index$"
    ):
        open_index(tmp_path)
    index.write_bytes(whole)
    open_index(tmp_path)
    description = tmp_path / "images" / "index.json"
    description.write_text(json.dumps({**json.loads(description.read_text()), "format": 1}))
    with pytest.raises(ImageIndexError, match=r"of another version"):
        open_index(tmp_path)
    description.unlink()
    with pytest.raises(ImageIndexError, match="no image index"):
        open_index(tmp_path)


BUILD = """
import json, sys
from pathlib import Path
from kc_schema.image_manifest import EncoderDescription
from kc_schema.store import Part
from pipelines.engine import Engine
from pipelines.image_index.vector_index.build import IndexOptions, build_index
from pipelines.image_index.layout import Layout
from pipelines.image_index.vectors import Embeddings
kc, parts = Path(sys.argv[1]), [Part(**part) for part in json.loads(sys.argv[2])]
encoder = EncoderDescription("test", "", "", 32)
given = IndexOptions(factory="IVF64,SQfp16", shards=4)
with Engine(1) as engine:
    build_index(Layout(kc), Embeddings(kc / "images", tuple(parts), 32), encoder, given, engine, print)
"""


@pytest.mark.timeout(120)
def test_a_build_that_is_killed_ends_the_same(tmp_path: Path) -> None:
    ids, vectors = random_ids(30_000), clustered_vectors(30_000)
    embeddings = write_corpus(tmp_path, ids, vectors)
    parts = json.dumps([{name: getattr(p, name) for name in p.__slots__} for p in embeddings.parts])
    command = [sys.executable, "-c", BUILD, str(tmp_path), parts]
    root = Path(__file__).parents[3]
    # Killed again and again, each time a little later, until a run is done before it is killed.
    killed = 0
    for seconds in (1.0, 2.0, 3.4, 60.0):
        process = subprocess.Popen(
            command,
            cwd=root,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(seconds)
            break
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
            time.sleep(0.05)
    assert process.returncode == 0
    assert killed >= 1
    queries = clustered_vectors(40, seed=2).astype(np.float32)
    survived = open_index(tmp_path).nearest(queries, 10)
    undisturbed = tmp_path / "undisturbed"
    build(undisturbed, write_corpus(undisturbed, ids, vectors), factory="IVF64,SQfp16", shards=1)
    assert survived == open_index(undisturbed).nearest(queries, 10)
    assert not (tmp_path / "images" / ".work" / "index").exists()


def test_a_mapped_index_starts_no_threads_for_a_query(tmp_path: Path) -> None:
    import faiss

    build(tmp_path, write_corpus(tmp_path, random_ids(500), clustered_vectors(500)), factory="IVF8,SQfp16")
    index = open_index(tmp_path)  # must outlive what points into it
    base, _ = unwrap(index._index)
    lists = faiss.downcast_InvertedLists(base.invlists)
    assert isinstance(lists, faiss.OnDiskInvertedLists)  # mapped, not read
    assert lists.prefetch_nthread == 0


def test_small_batches_are_multiplied(tmp_path: Path) -> None:
    import faiss

    build(tmp_path, write_corpus(tmp_path, random_ids(100), clustered_vectors(100)))
    before = faiss.cvar.distance_compute_blas_threshold
    try:
        faiss.cvar.distance_compute_blas_threshold = 128_000  # numbers, in Faiss 1.15
        open_index(tmp_path)
        assert faiss.cvar.distance_compute_blas_threshold == 4 * 32
        faiss.cvar.distance_compute_blas_threshold = 20  # queries, before
        open_index(tmp_path)
        assert faiss.cvar.distance_compute_blas_threshold == 20
    finally:
        faiss.cvar.distance_compute_blas_threshold = before


@pytest.mark.parametrize(
    ("factory", "needed"),
    [
        ("IVF500,Flat", 500),
        ("IVF4,PQ1", 256),
        ("PQ1x9", 512),
        ("OPQ8,IVF4,PQ8x4", 256),
        ("HNSW8,PQ1", 256),
        ("RQ2x8", 256),
        ("IVF4,SQ8,Refine(PQ1)", 256),
        ("PCA8,IVF300,SQ8", 300),
        ("IDMap,IVF300,Flat", 300),
    ],
)
def test_an_index_that_needs_more_vectors_than_there_are_is_refused_before_training(
    factory: str, needed: int
) -> None:
    import faiss

    with pytest.raises(
        ImageIndexError, match=rf"at least {needed} vectors, and there are {needed - 1};.*fewer lists"
    ):
        plan_index(needed - 1, 32, factory=factory, shards=None)
    assert plan_index(needed, 32, factory=factory, shards=None).needed == needed
    # Faiss agrees: with so many it can be trained, with one less it cannot.
    vectors = clustered_vectors(needed).astype(np.float32)
    faiss.index_factory(32, factory, faiss.METRIC_INNER_PRODUCT).train(vectors)
    with pytest.raises(RuntimeError):
        faiss.index_factory(32, factory, faiss.METRIC_INNER_PRODUCT).train(vectors[:-1])
