"""The frame of every command: options from a dataclass, errors in one line, Ctrl-C, exit statuses.

A module that is a command holds its options as a frozen dataclass whose fields have docstrings, a function that
takes them, and ``main = Command(...)``. The console command ``kc`` offers the same commands as verbs.
"""

from __future__ import annotations

import difflib
import logging
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from cyclopts import Parameter
from cyclopts.validators import Number

from kc_schema.errors import UsageError, UserError
from kc_schema.interrupts import STOPPED

if TYPE_CHECKING:
    from cyclopts import App

__all__ = ["Command", "Count", "Positive", "Share", "given_options", "options", "print_error", "printable"]

Positive = Annotated[int, Parameter(validator=Number(gte=1))]
"""A whole number from 1 on."""
Count = Annotated[int, Parameter(validator=Number(gte=0))]
"""A whole number from 0 on."""
Share = Annotated[float, Parameter(validator=Number(gt=0, lte=1))]
"""A number above 0 and at most 1."""

options = Parameter(name="*")
"""Decorates a dataclass of options whose fields become options of the command, also where it is nested."""

_CONTROLS = {code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)} | {0x7F: 0x2421}
_CONTROLS |= dict.fromkeys(range(0x80, 0xA0), 0xFFFD)
"""Control characters, which a terminal may obey, to the signs that picture them."""

_OUT_OF_MEMORY = (
    "out of memory: give the process more (see ulimit -v and the limits of its container), or let fewer processes work"
    " (--workers); the same command goes on"
)
_EXTRAS = {
    "elasticsearch": "elasticsearch",
    "faiss": "image",
    "obstore": "storage",
    "open_clip": "image",
    "PIL": "image",
    "requests": "image",
    "torchvision": "image",
    "fastapi": "serve",
    "prometheus_client": "serve",
    "python_multipart": "serve",
    "starlette": "serve",
    "uvicorn": "serve",
    "accelerate": "training",
    "jinja2": "training",
    "pydantic": "training",
    "safetensors": "training",
    "seqeval": "training",
    "transformers": "training",
    "yaml": "training",
}

_PAGES = ("jinja2", "markupsafe", "safetensors")
"""What two extras bring: each command names its own."""


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM, which ends a command as Ctrl-C does."""


@dataclass(frozen=True)
class Command:
    """One command: ``python -m MODULE`` and a verb of ``kc``."""

    module: str
    """Such as ``pipelines.search``."""
    summary: str
    """What it does, in one sentence."""
    options: type[Any]
    """The dataclass of its options, decorated with `options`; positional ones carry their own `Parameter`."""
    run: Callable[..., int | None]
    """Takes the options (and Beam's, a list, where `beam` is set); returns the exit status, None for 0."""
    examples: str = ""
    """Lines of commands, shown below the help."""
    beam: bool = False
    """Whether options that are not its own are handed on to Apache Beam."""
    extra: str = "training"
    """The extra of the project that brings torch here."""
    explain_unknown: Callable[[list[str]], str | None] = lambda _: None
    """Takes the words that are no options; returns what to say of them, None for the usual message."""

    def __call__(self, argv: Sequence[str] | None = None, *, called: str = "") -> int:
        """Run the command with `argv` (by default the process' arguments); return its exit status.

        Args:
            called: how the user called it, where not by ``python -m``.
        """
        called = called or f"python -m {self.module}"
        arguments = list(sys.argv[1:] if argv is None else argv)
        _show_notes()
        with _terminating():
            try:
                return self._run(arguments, called)
            except KeyboardInterrupt as stop:
                print(STOPPED, file=sys.stderr)
                return 143 if isinstance(stop, _TerminatedError) else 130
            except BrokenPipeError:
                # The reader has seen enough; what Python would still write at its end has nowhere to go.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return 0
            except UserError as error:
                print_error(str(error))
                return 2 if isinstance(error, UsageError) else 1
            except MemoryError:
                print_error(_OUT_OF_MEMORY)
                return 1
            except ModuleNotFoundError as error:
                extra = self._extra_of(error)
                if extra is None:
                    raise
                print_error(
                    f"{self.module} needs the package {error.name}, which is not installed; install it with:"
                    f" pip install 'entity-knowledge-corpus[{extra}]'"
                )
                return 1
            except Exception as error:
                limit, _ = resource.getrlimit(resource.RLIMIT_AS)
                if limit == resource.RLIM_INFINITY:
                    raise
                # Libraries report a want of address space as anything: threads, shared objects, files.
                traceback.print_exc()
                print_error(
                    f"{type(error).__name__}, perhaps for want of memory: the address space is limited to"
                    f" {limit // 1_000_000:,} MB (ulimit -v); give more, or let fewer processes work (--workers)"
                )
                return 1

    def app(self, name: str | None = None) -> App:
        """Return the command as cyclopts sees it; `name` is how it is called."""
        from cyclopts import App

        app = App(
            name=name or f"python -m {self.module}",
            help=self.summary,
            help_epilogue=_example_text(
                self.examples.replace(f"python -m {self.module}", name or f"python -m {self.module}")
            ),
            help_format="plaintext",
            version_flags=[],
            help_flags=["--help", "-h"],
            default_parameter=Parameter(negative=(), show_choices=True, show_default=_shown_default),
            result_action="return_value",
        )
        kind = self.options

        def command(given: Any) -> Any:
            return given

        command.__annotations__ = {"given": kind, "return": kind}
        if all(
            field.default is not MISSING or field.default_factory is not MISSING for field in fields(kind)
        ):
            command.__defaults__ = (kind(),)
        command.__doc__ = self.summary
        app.default(command)
        app["--help"].show = False
        app.usage = _usage(app)
        return app

    def _run(self, arguments: list[str], called: str) -> int:
        from cyclopts import CycloptsError, MissingArgumentError, UnknownOptionError

        app = self.app(called)
        unknown: list[str] = []
        if any(word in ("--help", "-h") for word in arguments[: _end_of_options(arguments)]):
            app.help_print([])
            return 0
        try:
            command, bound, unknown, _ = app.parse_known_args(arguments)
            if unknown and not self.beam:
                app.parse_args(arguments, exit_on_error=False, print_error=False)
            given = _with_addresses(command(*bound.args, **bound.kwargs))
        except CycloptsError as error:
            error.verbose = False
            if isinstance(error, UnknownOptionError) and not unknown:
                unknown = [error.token.value]
            explained = self.explain_unknown(unknown) if unknown else None
            missing = self._missing(arguments) if isinstance(error, MissingArgumentError) else []
            if missing:
                explained = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} required"
            message = explained or " ".join(str(error).split()).rstrip(".")
            print_error(f"{message}; {called} --help shows the options")
            return 2
        if not self.beam:
            return self.run(given) or 0
        _refuse_misspelt(
            unknown, [name for option in app.assemble_argument_collection() for name in option.names]
        )
        return self.run(given, unknown) or 0

    def _missing(self, arguments: Sequence[str]) -> list[str]:
        """Return the options that have no default and are not among the arguments."""
        given = {word.partition("=")[0] for word in arguments}
        needed = [
            f"--{field.name.replace('_', '-')}"
            for field in fields(self.options)
            if field.default is MISSING and field.default_factory is MISSING
        ]
        return [name for name in needed if name not in given]

    def _extra_of(self, error: ModuleNotFoundError) -> str | None:
        package = (error.name or "").partition(".")[0]
        if package in _PAGES and self.module.startswith("pipelines."):
            return "serve"
        return self.extra if package == "torch" else _EXTRAS.get(package)


def _refuse_misspelt(unknown: list[str], known: list[str]) -> None:
    """Refuse options that are nearly one of the command's own: to Beam they would mean nothing.

    Raises:
        UsageError: there is one.
    """
    for word in unknown:
        name = word.partition("=")[0]
        near = difflib.get_close_matches(name, known, 1, cutoff=0.85) if name.startswith("--") else []
        if near:
            raise UsageError(f"{name}: there is no such option; did you mean {near[0]}?")


def given_options(given: Any, *, but: Sequence[str] = ()) -> list[str]:
    """Return the options of a dataclass, as they are spelled, that were given another value than their default.

    Args:
        given: the options; of options nested in them all are looked at.
        but: names of fields that are left out.
    """
    found = []
    hints = get_type_hints(type(given), include_extras=True)
    for field in fields(given):
        value = getattr(given, field.name)
        if field.name in but:
            continue
        if is_dataclass(value):
            found += given_options(value)
        elif value != (field.default if field.default_factory is MISSING else field.default_factory()):
            said = getattr(hints[field.name], "__metadata__", ())
            names = [name for p in said if isinstance(p, Parameter) for name in p.name or ()]
            found.append(names[0] if names else f"--{field.name.replace('_', '-')}")
    return found


def print_error(message: str) -> None:
    """Print ``error: `` and the message to standard error, in red on a terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    console.print(f"error: {printable(message)}", style="red", markup=False, highlight=False, soft_wrap=True)


def printable(text: str) -> str:
    """Return `text` as it may be shown on a terminal: control characters but tab and line feed become signs.

    Data and names of files may hold escape sequences, which a terminal would obey. The length stays the same.
    """
    return text.translate(_CONTROLS)


def _show_notes() -> None:
    """Write what the project's own code warns of to standard error, as lines that start with ``note:``."""
    for package in ("kc_schema", "pipelines"):
        logger = logging.getLogger(package)
        if not logger.handlers:
            handler = logging.StreamHandler()
            handler.setFormatter(logging.Formatter("note: %(message)s"))
            logger.addHandler(handler)


def _usage(app: App) -> str:
    """Return the line of usage: a value of one of a few words is called NAME, and not listed (the table does that)."""
    words = [*app.name]
    positional = []
    for argument in app.assemble_argument_collection():
        if not argument.show or argument.children:
            continue
        if argument.index is not None:
            name = argument.name.lstrip("-").upper()
            positional.append(name if argument.required else f"[{name}]")
        elif argument.required:
            kind = argument.hint if isinstance(argument.hint, type) else None
            words.append(f"{argument.name} {'PATH' if kind is Path else 'NAME'}")
    return " ".join(["Usage:", *words, "[OPTIONS]", *positional])


def _shown_default(value: object) -> str | None:
    """Return a default as the help shows it; None where there is nothing to say: a switch, nothing, an empty list."""
    if value is None or value is False or value in ((), [], set(), frozenset()):
        return None
    if isinstance(value, (list, tuple)):
        return ",".join(str(item) for item in value)
    return str(value) or '""'


def _with_addresses(given: Any) -> Any:
    """Return options with every path that is an address of object storage as such, nested ones too."""
    if isinstance(given, Path) and str(given).startswith(("s3:/", "gs:/")):
        from kc_schema.store import as_path

        return as_path(given)
    if type(given) in (tuple, list):
        return type(given)(_with_addresses(item) for item in given)
    if is_dataclass(given) and not isinstance(given, type):
        values = {field.name: getattr(given, field.name) for field in fields(given) if field.init}
        changed = {name: _with_addresses(value) for name, value in values.items()}
        return replace(
            given, **{name: changed[name] for name in changed if changed[name] is not values[name]}
        )
    return given


def _end_of_options(arguments: list[str]) -> int:
    return arguments.index("--") if "--" in arguments else len(arguments)


def _example_text(examples: str) -> str:
    lines = [line.rstrip() for line in examples.strip().splitlines()]
    return "\n".join(["examples:", *(f"  {line}" for line in lines)]) if lines else ""


@contextmanager
def _terminating() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise _TerminatedError

    try:
        previous = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread: whoever has it decides
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
