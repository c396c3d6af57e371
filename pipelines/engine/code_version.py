"""Which code a process runs: workers on other machines must run the driver's."""

from __future__ import annotations

import functools
import hashlib
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import kc_schema
import pipelines

__all__ = ["CodeVersion", "code_version"]

_PACKAGES = (kc_schema, pipelines)
_LIBRARIES = (
    "apache-beam",
    "elasticsearch",
    "faiss-cpu",
    "msgspec",
    "numpy",
    "open_clip_torch",
    "pillow",
    "pyarrow",
    "sentencex",
    "tantivy",
    "torch",
)
"""Those that shape what steps write, or what is sent to them."""


@dataclass(frozen=True)
class CodeVersion:
    """The code of a process."""

    source: str
    """Checksum of the project's source and tables of facts."""
    python: str
    """Such as ``3.12``."""
    libraries: dict[str, str]
    """Library -> version, of those that are installed."""

    def difference(self, other: CodeVersion) -> str:
        """Say how the code of a worker differs from this, the driver's; empty where it does not.

        A library that only one of them has is no difference: whoever needs it will miss it.
        """
        if self.python != other.python:
            return f"it runs Python {other.python}, the driver {self.python}"
        both = sorted(self.libraries.keys() & other.libraries.keys())
        for name in both:
            here, there = self.libraries[name], other.libraries[name]
            if here != there:
                return f"it has {name} {there}, the driver {here}"
        if self.source != other.source:
            return (
                f"its code of the project is not the driver's (fingerprint {other.source[:12]}, the driver's"
                f" {self.source[:12]})"
            )
        return ""


@functools.cache
def code_version() -> CodeVersion:
    """Return the version of the code of this process, read once."""
    digest = hashlib.sha256()
    for package in _PACKAGES:
        folder = Path(package.__path__[0])
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".py", ".tsv"):
                digest.update(f"{path.relative_to(folder.parent).as_posix()}\n".encode())
                digest.update(path.read_bytes())
    libraries = {}
    for name in _LIBRARIES:
        try:
            libraries[name] = version(name)
        except PackageNotFoundError:
            continue
    return CodeVersion(digest.hexdigest(), ".".join(platform.python_version_tuple()[:2]), libraries)
