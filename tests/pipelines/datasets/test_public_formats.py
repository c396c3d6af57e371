"""Public data sets under the names and in the form in which they are handed around."""

import json

import pytest

from pipelines.datasets import Columns, DatasetError, ImageFolder, keep_readable_images, read_dataset


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8", newline="\n")
    return folder


def tokens(dataset, split="train"):
    return [example.tokens for example in dataset.splits[split]]


def counts(dataset, split="train"):
    seen = {name: dataset.quirks.of(name, split) for name in dataset.quirks}
    return {name: count for name, count in seen.items() if count and name != "post without an image"}


def names(dataset):
    return {split: path.name for split, path in dataset.files.items()}


def test_wnut17_ends_sentences_with_lines_of_white_space(tmp_path):
    write(
        tmp_path,
        wnut17train__conll="@paulwalk\tO\nEmpire\tB-location\nState\tI-location\n\t\nJohn\tB-person\n\u00a0\n \n",
        emerging__dev__conll="Stabilized\tO\n\n",
        emerging__test__annotated="&\tO\n\nZeus\tB-creative-work\n",
    )
    dataset = read_dataset("conll", tmp_path)
    assert names(dataset) == {
        "train": "wnut17train.conll", "dev": "emerging.dev.conll", "test": "emerging.test.annotated",
    }  # fmt: skip
    assert tokens(dataset) == [("@paulwalk", "Empire", "State"), ("John",)]
    assert counts(dataset) == {"line of white space between sentences": 2}
    assert len(tokens(dataset, "test")) == 2


def test_conll2003_has_its_splits_as_suffixes(tmp_path):
    start = "-DOCSTART- -X- -X- O\n\n"
    write(
        tmp_path,
        eng__train=f"{start}EU NNP I-NP I-ORG\nrejects VBZ I-VP O\n\nPeter NNP I-NP I-PER\n\n",
        eng__testa=f"{start}CRICKET NNP I-NP O\n\n",
        eng__testb=f"{start}JAPAN NNP I-NP I-LOC\n\n",
        eng__raw="no CoNLL at all",
    )
    dataset = read_dataset("conll", tmp_path, columns=Columns(scheme="iob1"))
    assert names(dataset) == {"train": "eng.train", "dev": "eng.testa", "test": "eng.testb"}
    assert dataset.splits["train"][0].labels == ("B-ORG", "O")
    assert tokens(dataset, "test") == [("JAPAN",)]


def test_weibo_says_of_every_character_where_in_its_word_it_stands(tmp_path):
    word = "".join(f"{character}{place}\tO\n" for place, character in enumerate("一二三四五六七八九十1a"))
    write(
        tmp_path,
        weiboNER_2nd_conll__train=f"大0\tB-ORG.NOM\n学1\tI-ORG.NOM\n同0\tO\n1\uff1a0\tO\n\n{word}\n20\tO\n",
        weiboNER_2nd_conll__dev="口\tO\n腔0\tO\n",
        weiboNER_2nd_conll__test="2017\tO\n年0\tO\n",
    )
    dataset = read_dataset("conll", tmp_path)
    assert tokens(dataset) == [("大", "学", "同", "1\uff1a"), tuple("一二三四五六七八九十1a"), ("2",)]
    assert counts(dataset)["place in the word behind the character"] == 3
    # A file in which some token has no place is taken as it stands.
    assert tokens(dataset, "dev") == [("口", "腔0")]
    assert tokens(dataset, "test") == [("2017", "年0")]


def test_wikiann_names_the_language_before_every_token(tmp_path):
    write(
        tmp_path,
        train="en:Ada\tB-PER\nen:Byron\tI-PER\n\nen:x:y\tO\n",
        dev="zh-yue:香\tB-LOC\nzh-yue:港\tI-LOC\n",
        test="en:Oslo\tB-LOC\nat\tO\n",
        extra="en:left\tO\n",
    )
    dataset = read_dataset("conll", tmp_path)
    assert names(dataset) == {"train": "train", "dev": "dev", "test": "test"}
    assert tokens(dataset) == [("Ada", "Byron"), ("x:y",)]
    assert counts(dataset) == {"language before the token": 2}
    assert tokens(dataset, "dev") == [("香", "港")]
    assert tokens(dataset, "test") == [("en:Oslo", "at")]


GERMEVAL = (
    "#\thttp://de.wikipedia.org/wiki/Manfred_Korfmann [2009-10-17]\n"
    "1\tAufgrund\tO\tO\n2\tin\tO\tO\n3\tTroia-Ausstellung\tB-LOCpart\tO\n4\tTroia\tB-OTH\tB-LOC\n\n"
    "#\thttp://de.wikipedia.org\t[2009]\n1\t#\tO\tO\n\n"
)


def test_germeval_has_comments_and_a_column_of_numbers(tmp_path):
    (tmp_path / "NER-de-train.tsv").write_text(GERMEVAL, encoding="utf-8")
    dataset = read_dataset("conll", tmp_path, columns=Columns(token=1, label=2))
    assert tokens(dataset) == [("Aufgrund", "in", "Troia-Ausstellung", "Troia"), ("#",)]
    assert dataset.splits["train"][0].labels == ("O", "O", "B-LOCpart", "B-OTH")
    assert counts(dataset) == {"comment or document line": 2}
    with pytest.raises(DatasetError, match=r"line 2: column 0 counts the tokens .*--token-column"):
        read_dataset("conll", tmp_path)


def test_a_sentence_may_begin_with_a_hash_sign(tmp_path):
    write(tmp_path, train__txt="#\tO\nOslo\tB-LOC\n\n# O\nx O\n", dev__txt="IMGID:1\n#\tO\na\tO\n")
    assert tokens(read_dataset("conll", tmp_path)) == [("#", "Oslo"), ("#", "x")]
    (tmp_path / "train.txt").unlink()
    assert tokens(read_dataset("twitter17", tmp_path), "dev") == [("#", "a")]


@pytest.mark.parametrize(
    ("scheme", "text"),
    [
        ("bmes", "南 B-LOC\n京 M-LOC\n市 E-LOC\n我 O\n他 S-PER\n"),
        ("bilou", "a B-LOC\nb I-LOC\nc L-LOC\nd O\ne U-PER\n"),
    ],
)
def test_bmes_and_bilou_become_bioes(tmp_path, scheme, text):
    write(tmp_path, train__bmes=text)
    dataset = read_dataset("conll", tmp_path, columns=Columns(scheme=scheme))
    assert dataset.splits["train"][0].labels == ("B-LOC", "I-LOC", "E-LOC", "O", "S-PER")
    with pytest.raises(
        DatasetError, match=rf"is neither O nor B-TYPE, I-TYPE \(bio\); give .*--scheme {scheme}"
    ):
        read_dataset("conll", tmp_path)


MNRE = (
    "{'token': ['Ada', 'met', 'Oslo'], 'h': {'name': 'Ada', 'pos': [0, 1]}, 't': {'name': 'Oslo', 'pos': [2, 3]},"
    " 'img_id': '7.jpg', 'relation': '/per/loc/of'}\n"
)


def test_the_repository_of_mnre_can_be_given_as_it_is(tmp_path):
    write(tmp_path / "Version-1" / "mnre_txt", mnre_org_train__txt=MNRE)
    write(tmp_path / "mnre_txt", mnre_train__txt=MNRE, **{"mnre_val __txt": MNRE, "mnre_test__txt": MNRE})
    (tmp_path / "mnre_image").mkdir()
    (tmp_path / "README.md").write_text("train")
    dataset = read_dataset("mnre", tmp_path)
    assert names(dataset) == {"train": "mnre_train.txt", "dev": "mnre_val .txt", "test": "mnre_test.txt"}


def test_files_that_lie_deeper_are_pointed_at(tmp_path):
    deep = write(tmp_path / "RE" / "release" / "one", ours_train__txt=MNRE)
    with pytest.raises(DatasetError, match=rf"there are such files in {deep}: give it with --data"):
        read_dataset("mnre", tmp_path)


def test_images_of_one_name_may_lie_in_several_folders(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for place, colour in (("week1", (255, 0, 0)), ("week2", (0, 255, 0)), ("crops", (0, 0, 255))):
        (tmp_path / "pictures" / place).mkdir(parents=True)
        image.new("RGB", (4, 4), colour).save(tmp_path / "pictures" / place / "7.png")
    given = ("week1/7.png", "week2/7.png", "crops/7.png", "week3/7.png", "./week2//7.png")
    rows = [json.dumps({"tokens": ["a"], "labels": ["O"], "image": name}) for name in given]
    (tmp_path / "train.jsonl").write_text("\n".join(rows))
    dataset = read_dataset("jsonl", tmp_path)
    found = keep_readable_images(dataset, ImageFolder(tmp_path / "pictures"))["train"]
    images = [example.image for example in dataset.splits["train"]]
    assert images == ["week1/7.png", "week2/7.png", "crops/7.png", None, "week2/7.png"]
    assert {name: path.parent.name for name, path in found.items()} == {
        "week1/7.png": "week1", "week2/7.png": "week2", "crops/7.png": "crops",
    }  # fmt: skip
    # From a folder above, they are found at any depth.
    dataset = read_dataset("jsonl", tmp_path)
    found = keep_readable_images(dataset, ImageFolder(tmp_path))["train"]
    assert found["week2/7.png"] == tmp_path / "pictures" / "week2" / "7.png"
