"""The stage of licences: every file of the plan is looked up at the wikis' APIs, part by part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlsplit

import pyarrow as pa
from cyclopts import Parameter, Token
from cyclopts.validators import Number
from rich.console import Console

from kc_schema.command import options
from kc_schema.image_tables import LICENCE_KINDS, LICENCES
from kc_schema.store import Part, Step, read_parquet
from pipelines.engine import Progress
from pipelines.image_index.fetching.fetch import FetchOptions, user_agent
from pipelines.image_index.fetching.politeness import HostGate, Limits
from pipelines.image_index.layout import Layout, Row, write_table
from pipelines.image_index.licences.api import TITLES_PER_REQUEST, FileRights, WikiApi
from pipelines.image_index.plan import Plan, read_planned

__all__ = ["COMMONS_API", "LicenceOptions", "LicencePart", "Licences", "licence_parts", "refused_images"]

COMMONS_API = "https://commons.wikimedia.org/w/api.php"
_EMPTY = dict.fromkeys(LICENCES.names[2:], "")
_FILES_AT_A_TIME = 10 * TITLES_PER_REQUEST


def _read_licences(_kind: Any, tokens: list[Token]) -> tuple[str, ...]:
    given = tuple(dict.fromkeys(word.strip() for token in tokens for word in token.value.split(",")))
    allowed = [kind for kind in LICENCE_KINDS if kind not in ("unknown", "not-free")]
    wrong = sorted(set(given) - set(allowed))
    if wrong:
        raise ValueError(f"{', '.join(wrong) or 'nothing'}: give some of {', '.join(allowed)}")
    return tuple(sorted(given))


@options
@dataclass(frozen=True, kw_only=True)
class LicenceOptions:
    """Which images may be kept, and whom to ask for their rights."""

    licences: Annotated[
        tuple[str, ...] | None,
        Parameter(converter=_read_licences, n_tokens=1, show_default=lambda _: "any"),
    ] = None
    """Keep images under these alone, with commas: public-domain, cc0, cc-by, cc-by-sa, other."""
    commons_api: str = COMMONS_API
    """API of the shared repository."""
    wiki_api: Annotated[str | None, Parameter(show_default=lambda _: "of the wiki of the dump")] = None
    """API of the wiki itself, for its own files."""
    seconds_between_requests: Annotated[float, Parameter(validator=Number(gte=0))] = 1.0
    """Pause of the stage licences."""


@dataclass(frozen=True, slots=True)
class LicencePart:
    """A part of the table of licences."""

    part: Part
    licences: dict[str, int]
    """Files by licence."""
    statuses: dict[str, int] = field(default_factory=dict)


def licence_parts(layout: Layout, plan: Plan) -> dict[int, LicencePart]:
    """Return the parts that are there and current, by number."""
    kept = {number: _step(layout, plan, number).result() for number in range(len(plan.planned))}
    return {number: part for number, part in kept.items() if part is not None}


def refused_images(layout: Layout, number: int, licences: Sequence[str]) -> dict[int, str]:
    """Return the images of a part that may not be kept, with the reason: an unknown licence is none that is allowed."""
    table = read_parquet(layout.part("licences", number), columns=["image_id", "licence", "status"])
    return {
        row[
            "image_id"
        ]: f"licence {row['licence'] if row['status'] != 'missing' else 'unknown: file is missing'}"
        for row in table.to_pylist()
        if row["licence"] not in licences
    }


def _step(layout: Layout, plan: Plan, number: int) -> Step[LicencePart]:
    return layout.step("licences", number, plan.planned[number], LicencePart)


@dataclass(frozen=True)
class Licences:
    """The stage: asks for the rights of the files of the plan that are not known yet."""

    layout: Layout
    plan: Plan
    """As it is without regard to rights."""
    options: LicenceOptions
    fetching: FetchOptions
    base: str
    """Address of the wiki's main page."""
    console: Console
    limits: Limits | None = None

    def check(self) -> None:
        """Make sure that the APIs may be asked.

        Raises:
            FetchError: an address is none, or the server wants a contact.
        """
        if not self.is_current():
            for address in self._addresses():
                self._user_agent(address)

    def is_current(self) -> bool:
        """Tell whether the rights of all files are known."""
        return len(licence_parts(self.layout, self.plan)) == len(self.plan.planned)

    def run(self) -> int:
        """Ask, part by part; a part that is finished is not asked for again; return how many files there were.

        Raises:
            FetchError: an API gives no answer; what is finished stays.
        """
        done = licence_parts(self.layout, self.plan)
        rows = sum(part.part.rows for part in done.values())
        apis = [self._open(address) for address in self._addresses()]
        with Progress(self.console, "Licences", self.plan.files, unit="files", done=rows) as progress:
            for number in range(len(self.plan.planned)):
                if number not in done:
                    self._ask(number, apis, progress)
        return progress.fresh

    def _addresses(self) -> list[str]:
        """Return the APIs: that of the shared repository, and the wiki's own where its files may be had."""
        addresses = [self.options.commons_api]
        if self.fetching.repository == "all":
            parts = urlsplit(self.base)
            addresses.append(self.options.wiki_api or f"{parts.scheme}://{parts.netloc}/w/api.php")
        return addresses

    def _user_agent(self, address: str) -> str:
        from pipelines.image_index.fetching.transport import host_of

        return user_agent(host_of(address), self.fetching.contact)

    def _open(self, address: str) -> WikiApi:
        from pipelines.image_index.fetching.transport import Transport, host_of

        host = host_of(address)
        limits = self.limits or Limits(connections=1)
        transport = Transport(
            HostGate(host, limits),
            [host],
            user_agent=self._user_agent(address),
            max_bytes=20_000_000,
            max_seconds=120.0,
            private_addresses=self.fetching.private_addresses,
            accept="application/json",
        )
        return WikiApi(address, transport, seconds_between_requests=self.options.seconds_between_requests)

    def _ask(self, number: int, apis: Sequence[WikiApi], progress: Progress) -> None:
        planned = dict(read_planned(self.layout, number))
        rows = {image: row for image, row in self._known(number).items() if image in planned}
        progress.advance(len(rows))
        open_images = [image for image in planned if image not in rows]
        for start in range(0, len(open_images), _FILES_AT_A_TIME):
            some = {image: planned[image] for image in open_images[start : start + _FILES_AT_A_TIME]}
            found = _first_that_has(list(some.values()), apis)
            rows.update((image, _row(image, file, found[file])) for image, file in some.items())
            progress.advance(len(some))
        ordered = [rows[image] for image in sorted(rows)]
        table = pa.Table.from_pylist(ordered, schema=LICENCES)
        part = write_table(
            table, self.layout.part("licences", number), self.layout.images, compression="zstd"
        )
        licences = Counter(row["licence"] for row in ordered)
        statuses = Counter(row["status"] for row in ordered)
        _step(self.layout, self.plan, number).finish(
            LicencePart(part, dict(sorted(licences.items())), dict(sorted(statuses.items())))
        )

    def _known(self, number: int) -> Mapping[int, Row]:
        """Return what an older state of the part says: of new files alone the rights are asked for.

        What was not found is asked for again: another repository may have it.
        """
        path = self.layout.part("licences", number)
        if not path.is_file():
            return {}
        return {row["image_id"]: row for row in read_parquet(path).to_pylist() if row["status"] != "missing"}


def _first_that_has(files: Sequence[str], apis: Sequence[WikiApi]) -> dict[str, FileRights]:
    """Return what the first API says that has a file; ``missing`` where none has it."""
    found: dict[str, FileRights] = {}
    left = list(files)
    for number, api in enumerate(apis):
        for file, rights in api.rights(left).items():
            # The shared repository's own API calls its files local, a wiki's API calls them shared.
            shared = number == 0 or rights.shared
            found[file] = FileRights(
                rights.status, rights.renamed_to, rights.description_url, shared, rights.columns
            )
        left = [file for file in left if found[file].status == "missing"]
        if not left:
            break
    return found


def _row(image: int, file: str, rights: FileRights) -> Row:
    missing = rights.status == "missing"
    return {
        **_EMPTY,
        "licence": "unknown",
        **rights.columns,
        "image_id": image,
        "file": file,
        "repository": "" if missing else "commons" if rights.shared else "wiki",
        "status": rights.status,
        "renamed_to": rights.renamed_to,
        "description_url": rights.description_url,
    }
