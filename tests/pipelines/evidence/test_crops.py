"""Crops from boxes, from a data set's own, from a grid; what cannot be used is counted."""

import json
from collections import Counter

import pytest

from pipelines.datasets import DatasetError
from pipelines.evidence.crops import Cropper, read_boxes, read_crops

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "7.png"
    image = Image.new("RGB", (10, 6))
    image.paste((255, 0, 0), (0, 0, 5, 3))
    image.save(path)
    return path


def crops(cropper, path):
    counts = Counter()
    return list(cropper.crops_of(path.name, path, counts)), counts


def test_a_grid_covers_the_image(picture):
    found, counts = crops(Cropper(grid=(2, 2)), picture)
    assert [crop.box for crop in found] == [(0, 0, 5, 3), (5, 0, 10, 3), (0, 3, 5, 6), (5, 3, 10, 6)]
    assert [crop.image.getpixel((2, 1)) for crop in found] == [(255, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0)]
    assert not counts


def test_boxes_are_cut_to_the_image(picture, tmp_path):
    path = tmp_path / "boxes.jsonl"
    path.write_text(json.dumps({"image": "7.png", "boxes": [[-3, 1.5, 4.2, 99], [20, 0, 30, 5]]}))
    cropper = read_boxes(path)
    found, counts = crops(cropper, picture)
    assert [(crop.box, crop.image.size) for crop in found] == [((-3.0, 1.5, 4.2, 99.0), (5, 5))]
    assert counts == {"box outside its image": 1}
    assert len(cropper.describe()["boxes"]) == 64
    assert crops(read_boxes(path), picture.with_name("7.png").rename(tmp_path / "8.png"))[1] == {
        "image without boxes": 1
    }


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"image": "7.png"}', '{"image": "7.png", "boxes": [[1, 2, 3]]}',
             '{"image": "7.png", "boxes": [[5, 0, 1, 9]]}', '{"image": "7.png", "boxes": [["a", 0, 1, 9]]}']
)  # fmt: skip
def test_malformed_boxes_are_named(tmp_path, line):
    (tmp_path / "boxes.jsonl").write_text(f"\n{line}\n")
    with pytest.raises(DatasetError, match=r"boxes\.jsonl: line 2: "):
        read_boxes(tmp_path / "boxes.jsonl")


def test_crops_belong_to_the_image_that_their_name_begins_with(picture, tmp_path):
    folder = tmp_path / "crops" / "train"
    folder.mkdir(parents=True)
    Image.new("RGB", (2, 2)).save(folder / "7_pred_yolo_crop_0.png")
    (folder / "7_pred_yolo_crop_1.png").write_bytes(b"broken")
    (folder / "77_crop_0.png").write_bytes(b"")
    cropper = read_crops(tmp_path / "crops", {"7.png"})
    found, counts = crops(cropper, picture)
    assert [(crop.name, crop.box) for crop in found] == [("7_pred_yolo_crop_0.png", None)]
    assert counts == {"crop broken": 1}
    assert set(cropper.describe()) == {"crops"}


def test_a_map_says_whose_crops_they_are(picture, tmp_path):
    folder = tmp_path / "crops"
    folder.mkdir()
    Image.new("RGB", (2, 2)).save(folder / "x.png")
    (folder / "map.json").write_text(json.dumps({"7.png": ["crops/x.png", "gone.png"]}))
    assert [crop.name for crop in crops(read_crops(folder, {"7.png"}), picture)[0]] == ["x.png"]
    (folder / "map.json").write_text("[]")
    with pytest.raises(DatasetError, match=r"map\.json: not a map"):
        read_crops(folder, {"7.png"})


def test_crops_of_nothing_are_refused(tmp_path):
    with pytest.raises(DatasetError, match="no such folder"):
        read_crops(tmp_path / "gone", {"7.png"})
    with pytest.raises(DatasetError, match="no crop belongs"):
        read_crops(tmp_path, {"7.png"})


@pytest.mark.torch
def test_a_map_of_torch_holds_data_and_no_code(picture, tmp_path):
    torch = pytest.importorskip("torch")
    folder = tmp_path / "crops"
    folder.mkdir()
    Image.new("RGB", (2, 2)).save(folder / "x.png")
    torch.save({"7.png": ["x.png"]}, folder / "twitter_train_dict.pth")
    assert [crop.name for crop in crops(read_crops(folder, {"7.png"}), picture)[0]] == ["x.png"]
    torch.save({"7.png": print}, folder / "twitter_train_dict.pth")
    with pytest.raises(DatasetError, match="cannot be read as a map"):
        read_crops(folder, {"7.png"})
