"""Answers questions to a corpus over HTTP, with an OpenAPI description.

python -m pipelines.serve --kc kc
curl 'http://127.0.0.1:8080/search?q=Alan+Turing+worked+at+Bletchley&k=3'
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from kc_schema.command import Command, Positive, given_options, options, printable
from kc_schema.errors import UsageError, UserError
from pipelines.text_index.options import SearchOptions

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from pipelines.service.application import Service

EXAMPLES = """\
python -m pipelines.serve --kc kc
python -m pipelines.serve --kc corpora/simplewiki/current --port 9000
KC_API_KEY=... python -m pipelines.serve --kc kc --host 0.0.0.0
"""

KEY_VARIABLE = "KC_API_KEY"


@options
@dataclass(frozen=True, kw_only=True)
class ListenOptions:
    """Where a server listens, who may ask it, and how much."""

    host: str = "127.0.0.1"
    """Address to listen on; another one than this machine's own needs an API key."""
    port: Annotated[int, Parameter(validator=Number(gte=0, lte=65535))] = 8080
    """Port to listen on; 0 takes a free one."""
    api_key: str | None = field(default=None, repr=False)
    """What every request must carry (better: KC_API_KEY in the environment)."""
    seconds: Annotated[float, Parameter(validator=Number(gt=0))] = 30.0
    """Longest time of a request."""
    waiting: Positive = 1024
    """Questions that may wait; more are refused with 503."""
    most_k: Positive = 1000
    """Hits that a query may ask for."""

    @property
    def key(self) -> str | None:
        """The key, by option or from the environment; None where there is none."""
        return self.api_key or os.environ.get(KEY_VARIABLE) or None

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches the service."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def check(self) -> None:
        """Refuse to be open to a network without a key.

        Raises:
            UsageError: that is what the options ask for.
        """
        if not self.is_local and self.key is None:
            raise UsageError(
                f"--host {self.host}: whoever reaches this address could ask the corpus; set {KEY_VARIABLE} in the"
                " environment (or --api-key) to a key that requests must carry"
            )

    def listen(self) -> socket.socket:
        """Return a socket that listens.

        Raises:
            UserError: the address or the port cannot be had.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        # asyncio sends small answers at once (TCP_NODELAY) only where a socket names its protocol.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((self.host, self.port))
            listening.listen(1024)
            return listening
        except OSError as error:
            listening.close()
            what = (
                "is taken; give another"
                if error.errno == errno.EADDRINUSE
                else f"cannot be had: {error.strerror}"
            )
            raise UserError(f"--host {self.host} --port {self.port}: {what}") from error


@options
@dataclass(frozen=True, kw_only=True)
class PictureOptions:
    """How images are asked for."""

    encoder: str | None = None
    """Where the encoder is, if not where the image index says (a file of weights)."""
    encoder_cache: Path | None = None
    """Folder of downloaded weights."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1 or mps."""
    image_host: list[str] = field(default_factory=list)
    """A host from which addresses of images are fetched; may be repeated. [default: none]"""


@options
@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """What the command takes."""

    index: SearchOptions = field(default_factory=SearchOptions)
    listen: ListenOptions = field(default_factory=ListenOptions)
    pictures: Annotated[PictureOptions, Parameter(group="Images")] = field(default_factory=PictureOptions)


def tell(line: str) -> None:
    """Write a line for whoever started the service."""
    print(printable(line), file=sys.stderr, flush=True)


def run(given: ServeOptions) -> None:
    """Open the corpus and answer until stopped."""
    serve(
        given.index,
        given.listen,
        given.pictures,
        lambda address: f"serving at {address} (what it offers: {address}/openapi.json); Ctrl-C ends it",
    )


def serve(
    index: SearchOptions,
    listen: ListenOptions,
    pictures: PictureOptions,
    greeting: Callable[[str], str],
    prepare: Callable[[Service], None] = lambda _: None,
) -> None:
    """Open the corpus, say where it can be asked, and answer until stopped.

    Args:
        index: the corpus.
        listen: where to listen.
        pictures: how images are asked for.
        greeting: takes the address; returns the line that tells of it.
        prepare: takes the service before it listens.

    Raises:
        UserError: no corpus there, or the address cannot be had.
    """
    listen.check()
    import uvicorn

    from pipelines.service.application import Service, guarded
    from pipelines.service.corpus import Corpus, EncoderChoice, ServedCorpus
    from pipelines.service.limits import RequestLimits
    from pipelines.service.metrics import Metrics
    from pipelines.service.pictures import PictureFetcher

    limits = RequestLimits(k=listen.most_k, seconds=listen.seconds, waiting=listen.waiting)
    metrics = Metrics()

    def switched(corpus: Corpus) -> None:
        metrics.opened.set(corpus.opened)
        metrics.switches.inc()
        for what, count in (corpus.snapshot.manifest.counts if corpus.snapshot else {}).items():
            metrics.counts.labels(what).set(count)

    choice = EncoderChoice(pictures.encoder, pictures.encoder_cache, pictures.device)
    fetcher = PictureFetcher(pictures.image_host, most_bytes=limits.upload)
    corpus = ServedCorpus(index, choice, tell=tell, switched=switched)
    unused = given_options(pictures)
    if unused and corpus.current.images is None:
        tell(f"note: {' and '.join(unused)}: no images are found here, so that is of no use")
    try:
        with listen.listen() as listening:
            host = f"[{listen.host}]" if ":" in listen.host else listen.host
            address = f"http://{host}:{listening.getsockname()[1]}"
            service = Service(corpus, limits, metrics, fetcher, lambda: tell(greeting(address)))
            prepare(service)
            app: ASGIApp = guarded(service, api_key=listen.key, hosts=_names(listen))
            config = uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                server_header=False,
                lifespan="on",
                limit_concurrency=4 * limits.open,
                timeout_keep_alive=10,
                timeout_graceful_shutdown=10,
                h11_max_incomplete_event_size=256 << 10,
            )
            uvicorn.Server(config).run(sockets=[listening])
    finally:
        corpus.close()


def _names(listen: ListenOptions) -> list[str] | None:
    """Return the names under which a service without a key may be asked; None where any will do."""
    return None if listen.key is not None else ["localhost", "127.0.0.1", "[::1]", listen.host]


main = Command(
    "pipelines.serve",
    "Answer questions to a corpus over HTTP.",
    ServeOptions,
    run,
    examples=EXAMPLES,
    extra="image",
)

if __name__ == "__main__":
    sys.exit(main())
