"""Images that are there, missing, broken, or handed around under other names."""

import pytest

from pipelines.datasets import DatasetError, ImageFolder, keep_readable_images, read_dataset

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def data(tmp_path):
    posts = "".join(f"IMGID:{name}\na{name}\tO\n\n" for name in ("good", "cut", "empty", "text", "gone"))
    (tmp_path / "train.txt").write_text(posts)
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.effect_noise((64, 48), 90).convert("RGB").save(folder / "good.jpg")
    whole = (folder / "good.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.jpg").write_text("404 not found")
    return tmp_path


def test_missing_and_broken_images_are_counted_and_taken_out(data):
    dataset = read_dataset("twitter17", data)
    seen = []
    images = keep_readable_images(dataset, ImageFolder(data), lambda *done: seen.append(done))
    assert {name: path.name for name, path in images["train"].items()} == {"good.jpg": "good.jpg"}
    assert [example.image for example in dataset.splits["train"]] == ["good.jpg", None, None, None, None]
    assert dataset.quirks.of("image missing", "train") == 1
    assert dataset.quirks.of("image broken", "train") == 3
    assert seen[-1] == (5, 5)


def test_of_several_images_the_one_of_the_split_is_taken(tmp_path):
    for place in ("img_org/train", "img_org/val", "img_org/val/crops", "twitter2017_aux_images"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "1.jpg").write_bytes(b"")
    folder = ImageFolder(tmp_path)
    assert folder.find("1.jpg", "dev") == tmp_path / "img_org/val/1.jpg"
    assert folder.find("1.jpg", "train") == tmp_path / "img_org/train/1.jpg"
    assert folder.find("2.jpg", "train") is None
    with pytest.raises(DatasetError, match="no such folder of images"):
        ImageFolder(tmp_path / "missing")


def test_an_image_under_another_name_is_found(tmp_path):
    (tmp_path / "train.json").write_text('[["Oslo", "https://x.org/Old%20harbour.png", "t", []]]')
    Image.new("RGB", (4, 4)).save(tmp_path / "Old harbour.png")
    dataset = read_dataset("wikidiverse", tmp_path)
    keep_readable_images(dataset, ImageFolder(tmp_path))
    assert dataset.splits["train"][0].image == "Old harbour.png"


def test_folders_that_are_linked_are_looked_through(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "7.jpg").write_bytes(b"")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "images").symlink_to(tmp_path / "disk")
    (tmp_path / "data" / "again").symlink_to(tmp_path / "data")
    found = ImageFolder(tmp_path / "data")
    assert len(found) == 1
    assert found.find("7.jpg", "train") == tmp_path / "data" / "images" / "7.jpg"
