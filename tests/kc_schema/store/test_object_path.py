"""Addresses of object storage as paths: what pathlib says of them, without a server."""

import copy
import pickle
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kc_schema.command import Command, options
from kc_schema.errors import UsageError
from kc_schema.store import ObjectPath, as_path, fingerprint, read_json, to_json, write_json

PAGE = as_path("s3://bucket/kc/pages/0.parquet")


def test_an_address_is_a_path_of_its_own_kind_and_of_pathlib():
    assert isinstance(PAGE, ObjectPath)
    assert isinstance(PAGE, Path)
    assert str(PAGE) == f"{PAGE}" == "s3://bucket/kc/pages/0.parquet"
    assert PAGE.is_absolute()
    assert type(as_path("kc")) is type(Path("kc"))


def test_what_is_derived_from_an_address_is_one():
    derived = {
        PAGE / "x" / "y.z": "s3://bucket/kc/pages/0.parquet/x/y.z",
        PAGE.joinpath("x", Path("y")): "s3://bucket/kc/pages/0.parquet/x/y",
        PAGE.parent: "s3://bucket/kc/pages",
        PAGE.with_name("1.parquet"): "s3://bucket/kc/pages/1.parquet",
        PAGE.with_suffix(".json"): "s3://bucket/kc/pages/0.json",
        PAGE.with_stem("7"): "s3://bucket/kc/pages/7.parquet",
        PAGE.resolve(): str(PAGE),
        PAGE.absolute(): str(PAGE),
    }
    for path, text in derived.items():
        assert type(path) is ObjectPath
        assert str(path) == text
    assert [str(path) for path in PAGE.parents] == ["s3://bucket/kc/pages", "s3://bucket/kc", "s3://bucket"]
    assert (PAGE.name, PAGE.stem, PAGE.suffix) == ("0.parquet", "0", ".parquet")


def test_a_name_that_may_be_a_link_is_not_asked_for_before_it_is_needed(monkeypatch):
    monkeypatch.setattr("kc_schema.store.object_link.head", lambda _: pytest.fail("a request"))
    path = as_path("s3://bucket/corpora/current/kc/pages")
    assert str(path) == "s3://bucket/corpora/current/kc/pages"
    assert path.parent / "pages" == path == pickle.loads(pickle.dumps(path))
    assert path.relative_to(as_path("s3://bucket/corpora/current")) == Path("kc/pages")
    assert [str(above) for above in path.parents][1] == "s3://bucket/corpora/current"
    with pytest.raises(pytest.fail.Exception, match="a request"):
        path.exists()


def test_relative_paths_are_paths_of_this_machine():
    inside = PAGE.relative_to(as_path("s3://bucket/kc"))
    assert inside == Path("pages/0.parquet")
    assert type(inside) is type(Path("x"))
    assert as_path("gs://other/kc") / inside == as_path("gs://other/kc/pages/0.parquet")
    assert PAGE.is_relative_to("s3://bucket/kc")
    assert not PAGE.is_relative_to("s3://bucket/k")
    with pytest.raises(ValueError, match="not in"):
        PAGE.relative_to("s3://other/kc")


def test_joined_behind_another_path_an_address_starts_anew():
    assert Path("kc") / PAGE == PAGE
    assert type(Path("kc") / PAGE) is ObjectPath
    assert Path("/tmp") == PAGE / "/tmp"
    assert as_path("gs://other/key") == PAGE / "gs://other/key"


def test_addresses_compare_and_survive_pickling():
    assert PAGE == as_path(str(PAGE)) == pickle.loads(pickle.dumps(PAGE)) == copy.deepcopy(PAGE)
    assert len({PAGE, as_path(str(PAGE))}) == 1
    assert as_path("s3://bucket/kc/") == as_path("s3://bucket/kc")
    assert sorted([PAGE, PAGE.parent]) == [PAGE.parent, PAGE]
    assert as_path("s3://bucket/key") != as_path("gs://bucket/key")


def test_what_takes_an_address_for_a_path_of_this_machine_writes_nothing():
    mistaken = Path(PAGE)
    with pytest.raises(OSError, match="Not a directory"):
        mistaken.parent.mkdir(parents=True)
    assert as_path(mistaken) == PAGE
    assert as_path(Path("s3://bucket/kc/pages/0.parquet")) == PAGE


@pytest.mark.parametrize(("address", "reason"), [
    ("s3://", "names no bucket"),
    ("s3:///key", "names no bucket"),
    ("s3://bucket", "names a bucket alone"),
    ("s3://bucket/", "names a bucket alone"),
    ("s3://user:secret@bucket/key", "no name of a bucket"),
    ("s3://bucket/a/../b", "no empty names"),
    ("s3://bucket/./b", "no empty names"),
    ("s3://bucket/a//b", "no empty names"),
    ("s3://bucket/key?versionId=1", "no query"),
    ("gs://bucket/a\nb", "no control characters"),
])  # fmt: skip
def test_bad_addresses_are_refused_in_one_line(address, reason):
    with pytest.raises(UsageError, match=reason) as refused:
        as_path(address)
    assert "\n" not in str(refused.value).replace(address, "")


@dataclass(frozen=True)
class Build:
    output: Path
    older: Path | None = None
    parts: list[Path] = field(default_factory=list)


def test_addresses_are_written_to_json_and_read_back(tmp_path):
    build = Build(PAGE.parent, None, [PAGE, Path("here")])
    write_json(tmp_path / "build.json", build)
    assert "s3://bucket/kc/pages/0.parquet" in to_json(build)
    found = read_json(tmp_path / "build.json", Build)
    assert found == build
    assert type(found.parts[0]) is ObjectPath
    assert fingerprint(build) == fingerprint(found)


@options
@dataclass(frozen=True, kw_only=True)
class Inner:
    cache: Path = Path("cache")
    """Where."""


@options
@dataclass(frozen=True, kw_only=True)
class Given:
    kc: Path = Path("kc")
    """Where."""
    more: tuple[Path, ...] = ()
    """Where."""
    inner: Inner = field(default_factory=Inner)


def test_every_option_that_is_a_path_takes_an_address(capsys):
    seen: list[Given] = []
    command = Command(module="tests.command", summary="Try.", options=Given, run=seen.append)
    assert command(["--kc", "s3://bucket/kc", "--more", "gs://other/a", "--cache", "s3://bucket/c"]) == 0
    [given] = seen
    assert given == Given(
        kc=as_path("s3://bucket/kc"),
        more=(as_path("gs://other/a"),),
        inner=Inner(cache=as_path("s3://bucket/c")),
    )
    assert all(type(path) is ObjectPath for path in (given.kc, *given.more, given.inner.cache))
    assert command(["--kc", "s3://bucket"]) == 2
    assert "names a bucket alone" in capsys.readouterr().err
