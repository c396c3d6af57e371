"""How Numba compiles the functions of the index, and where it keeps them: once a machine and version of this package.

Numba looks at a function's own file alone when it decides whether what it kept is still good, not at those of the
functions that are called. So what is kept lies in a folder named after all files of this package: beside them, or
in the user's cache where nobody may write there, or in ``NUMBA_CACHE_DIR``. The functions hold no lock of Python, so
that threads work side by side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba import njit

__all__ = ["compiled", "is_kept", "lean"]

_CONFIG: Any = numba.config
_HERE = Path(__file__).parent
_USERS = "~/.cache/entity-knowledge-corpus"


def _find_folder() -> Path | None:
    """Return the folder of what is compiled; None where nothing can be written, so that each process compiles."""
    sources = sorted(_HERE.glob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    places: list[Any] = [_CONFIG.CACHE_DIR] if _CONFIG.CACHE_DIR else [_HERE / "__pycache__", _USERS]
    for place in places:
        try:
            folder = Path(place).expanduser() / f"block_max-{digest}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "writable").touch()
        except (OSError, RuntimeError):  # nobody may write there; there is no home
            continue
        return folder
    return None


_FOLDER = _find_folder()


def _compiler(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    def compile_later(function: Callable[..., Any]) -> Any:
        before = _CONFIG.CACHE_DIR
        _CONFIG.CACHE_DIR = str(_FOLDER or before)
        try:
            return njit(cache=_FOLDER is not None, nogil=True, boundscheck=False, **options)(function)
        finally:
            _CONFIG.CACHE_DIR = before

    return compile_later


compiled = _compiler()
lean = _compiler(_nrt=False)
"""For functions that make no arrays: without counting references to those they are given, a search takes half the
time."""


def is_kept(name: str) -> bool:
    """Tell whether a function was compiled on this machine already."""
    return _FOLDER is not None and any(_FOLDER.rglob(f"*.{name}-*.nbi"))
