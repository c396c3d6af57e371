"""What the tests' own object storage promises: conditions are kept, and every fault happens as it is called."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import obstore
import pytest
from obstore.exceptions import AlreadyExistsError, PreconditionError
from obstore.store import S3Store

from tests.services.object_storage import Act, Fault, ObjectStorage


@pytest.fixture
def bucket(object_storage: ObjectStorage) -> S3Store:
    pauses = {"init_backoff": timedelta(milliseconds=5), "max_backoff": timedelta(milliseconds=50), "base": 2}
    return S3Store(object_storage.bucket, retry_config={"max_retries": 5, "backoff": pauses})


def test_object_is_there_as_written(object_storage: ObjectStorage, bucket: S3Store) -> None:
    obstore.put(bucket, "pages/Kö&In 1.txt", b"a page")
    assert object_storage.objects() == {"pages/Kö&In 1.txt": b"a page"}
    assert [item["path"] for page in obstore.list(bucket, "pages") for item in page] == ["pages/Kö&In 1.txt"]
    assert object_storage.counts() == Counter(PUT=1, LIST=1)
    assert object_storage.count("PUT", "Kö&In") == 1


def test_conditions_are_kept(bucket: S3Store) -> None:
    first = obstore.put(bucket, "lock", b"one", mode="create")
    with pytest.raises(AlreadyExistsError):
        obstore.put(bucket, "lock", b"two", mode="create")
    obstore.put(bucket, "lock", b"three", mode={"e_tag": first["e_tag"]})
    with pytest.raises(PreconditionError):
        obstore.put(bucket, "lock", b"four", mode={"e_tag": first["e_tag"]})
    assert bytes(obstore.get(bucket, "lock").bytes()) == b"three"


def test_one_of_many_creates_an_object(bucket: S3Store) -> None:
    won = []

    def create(name: int) -> None:
        try:
            obstore.put(bucket, "lock", str(name).encode(), mode="create")
        except AlreadyExistsError:
            return
        won.append(name)

    threads = [threading.Thread(target=create, args=(name,)) for name in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [str(name).encode() for name in won] == [bytes(obstore.get(bucket, "lock").bytes())]


@pytest.mark.parametrize("act", ["refuse", "cut_request", "lose_reply"])
def test_spoiled_write_is_written_again(act: Act, object_storage: ObjectStorage, bucket: S3Store) -> None:
    object_storage.faults.append(fault := Fault(act, methods=("PUT",), key="^page", times=1))
    obstore.put(bucket, "title", b"x" * 100_000)
    obstore.put(bucket, "page", b"y" * 100_000)
    assert (fault.seen, fault.struck) == (2, 1)
    assert object_storage.counts() == Counter(PUT=3)
    assert object_storage.objects()["page"] == b"y" * 100_000


@pytest.mark.parametrize(("act", "kept"), [("cut_request", False), ("lose_reply", True)])
def test_reply_to_a_conditional_write_may_be_lost(
    act: Act, kept: bool, object_storage: ObjectStorage, bucket: S3Store
) -> None:
    object_storage.faults.append(Fault(act, methods=("PUT",), times=1))
    with pytest.raises(obstore.exceptions.GenericError):
        obstore.put(bucket, "lock", b"mine", mode="create")
    assert object_storage.objects() == ({"lock": b"mine"} if kept else {})


def test_half_a_reply_is_asked_for_the_rest(object_storage: ObjectStorage, bucket: S3Store) -> None:
    content = bytes(range(256)) * 10_000
    obstore.put(bucket, "page", content)
    object_storage.faults.append(Fault("cut_reply", methods=("GET",), times=1))
    assert bytes(obstore.get(bucket, "page").bytes()) == content
    assert [request.range for request in object_storage.requests if request.method == "GET"][1:] != []


def test_fault_skips_and_strikes_every_so_many(object_storage: ObjectStorage, bucket: S3Store) -> None:
    object_storage.faults.append(fault := Fault("wait", skip=1, every=2, seconds=0.01))
    for number in range(6):
        obstore.put(bucket, f"page-{number}", b"")
    assert (fault.seen, fault.struck) == (6, 3)
