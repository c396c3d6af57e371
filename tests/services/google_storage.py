"""Buckets with Google's interface, for ``gs://``: the S3 server of the tests behind what translates one to the other.

There is no server of Google's interface that could be installed here and takes what the client library sends (uploads
by the XML interface, in parts, on condition of a generation). Both interfaces have the same paths and documents; where
they differ, this does what https://cloud.google.com/storage/docs/xml-api/reference-headers says: every content of an
object has a number, its generation, which conditions name, and nothing is removed but one object at a time::

    with google_storage() as storage:
        storage.environment, storage.address("kc"), ...   as of `tests.services.object_storage`
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from tests.services.object_storage import KEY, REGION, Handler, ObjectStorage, object_storage

_PRECONDITION_FAILED = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>PreconditionFailed</Code>'
    b"<Message>At least one of the pre-conditions you specified did not hold.</Message></Error>"
)
_SOMEBODY = {
    "authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/20260101/{REGION}/s3/aws4_request,"
    " SignedHeaders=host;x-amz-date, Signature=0",
    "x-amz-date": "20260101T000000Z",
    "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
}
"""The server asks for a name, and compares no signature."""
Answer = tuple[int, list[tuple[str, str]], bytes]


@dataclass
class GoogleStorage(ObjectStorage):
    """The running server, as Google's clients see it."""

    generations: dict[str, int] = field(default_factory=dict)
    """Of every object that was written since the start; kept when it is removed."""
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1_700_000_000_000_000))

    @property
    def environment(self) -> dict[str, str]:
        """What tells a process where the server is; nobody asks who it is."""
        account = {"gcs_base_url": self.url, "disable_oauth": True}
        nobody = {"client_email": "", "private_key": "", "private_key_id": ""}
        return {
            "GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(account | nobody),
            "GOOGLE_ALLOW_HTTP": "true",
        }

    def address(self, key: str = "") -> str:
        """Return the address of a key, or of the bucket."""
        return super().address(key).replace("s3://", "gs://")


class GoogleHandler(Handler):
    """Translates requests and answers."""

    storage: GoogleStorage

    def _forward(self, body: bytes) -> Answer:
        address = urlsplit(self.path)
        key = unquote(address.path)
        asked = parse_qs(address.query, keep_blank_values=True)
        if self.command == "POST" and "delete" in asked:
            return 400, [], b"<Error><Code>InvalidArgument</Code></Error>"
        wanted = self.headers.get("x-goog-if-generation-match")
        path = self.path.replace("%2D", "-")
        if wanted is not None:
            there = self._ask("HEAD", path, _SOMEBODY | {"host": self.headers["Host"]}, b"")[0] == 200
            if int(wanted) != (self.storage.generations[key] if there else 0):
                return 412, [("Content-Type", "application/xml")], _PRECONDITION_FAILED
        passed = _SOMEBODY | {
            name.lower().replace("x-goog-copy", "x-amz-copy"): value
            for name, value in self.headers.items()
            if not name.lower().startswith(("authorization", "x-goog-if"))
        }
        status, headers, content = self._ask(self.command, path, passed, body)
        part, upload = "partNumber" in asked, "uploadId" in asked
        if status == 200 and ((self.command == "PUT" and not part) or (self.command == "POST" and upload)):
            self.storage.generations[key] = next(self.storage.numbers)
        if "uploads" not in asked and "list-type" not in asked:
            headers = [*headers, ("x-goog-generation", str(self.storage.generations.get(key, 0)))]
        return status, headers, content


@contextmanager
def google_storage() -> Iterator[ObjectStorage]:
    """Run the server on free ports of this machine until the block ends; the bucket is there."""
    with object_storage(GoogleStorage, GoogleHandler) as storage:
        yield storage
