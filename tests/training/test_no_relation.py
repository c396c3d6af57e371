"""Which relation stands for none is said by the manifest of the cache, and nowhere else."""

import pytest

from kc_schema.retrieval_cache import CacheWriter, Example
from training.config import build_config
from training.errors import TrainingError
from training.evaluation.scores import relation_counts, relation_type_counts
from training.task import load_task

CONFIG = build_config({"cache": "c", "experts": {"baseline": {}}})
PAIR = {"subject": (0, 1), "object": (1, 2)}


def write(folder, **options):
    writer = CacheWriter(folder, dataset="toy", task="re", options=options)
    for split in ("train", "dev", "test"):
        examples = [
            Example(str(n), ("a", "b"), relation=r, **PAIR) for n, r in enumerate(("NA", "/per/loc/of"))
        ]
        writer.write_examples(split, examples)
    return writer.commit()


def test_the_manifest_names_the_label_that_f1_leaves_out(tmp_path):
    names = load_task(write(tmp_path / "cache", no_relation="NA"), CONFIG).labels.names
    assert names == ("NA", "/per/loc/of")
    gold, predicted = ["NA", "NA", "/per/loc/of"], ["NA", "/per/loc/of", "/per/loc/of"]
    counts = relation_counts(gold, predicted, names)
    assert (counts.gold.sum(), counts.predicted.sum(), counts.correct.sum()) == (1, 2, 1)
    # Without a name in the manifest it is None, and NA is a relation like any other.
    assert load_task(write(tmp_path / "other"), CONFIG).labels.names == ("None", "/per/loc/of", "NA")


def test_the_label_of_no_relation_counts_for_no_type():
    counts = relation_type_counts(["/per/loc/none"], ["/per/org/in"], ("/per/loc/none", "/per/org/in"))
    assert (counts.gold.sum(), counts.predicted.sum()) == (0, 2)


@pytest.mark.parametrize("key", ["train", "dev", "test"])
def test_a_split_without_labels_is_refused_by_name(tmp_path, key):
    cache = write(tmp_path / "cache", no_relation="NA", unlabelled=[key])
    with pytest.raises(
        TrainingError, match=rf"^{key}: the split '{key}' of .* has no labels, .*training\.predict$"
    ):
        load_task(cache, CONFIG)
