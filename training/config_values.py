"""Plain values become the dataclasses of a configuration: every key and type is checked.

An unknown key is an error that names the nearest right one.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from training.config import ConfigError, RunConfig, nearest

__all__ = ["build_config"]


def build_config(values: Mapping[str, Any]) -> RunConfig:
    """Gives the configuration that a mapping describes; experts and mixtures inherit `fit` and `gate`.

    Raises:
        ConfigError: a key is unknown, or a value does not fit.
    """
    values = dict(values)
    for section, inherited in (("experts", "fit"), ("mixtures", "gate")):
        entries = values.get(section) or {}
        if not isinstance(entries, Mapping):
            raise ConfigError(f"{section}: a mapping from names, not {entries!r}")
        ground = values.get(inherited) or {}
        values[section] = {
            name: _inherit(entry, inherited, ground, f"{section}.{name}") for name, entry in entries.items()
        }
    built: RunConfig = _build(RunConfig, values, "")
    return built


def _inherit(entry: Any, key: str, ground: Any, where: str) -> Any:
    entry = {} if entry is None else entry
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where}: a mapping, not {entry!r}")
    if not isinstance(ground, Mapping) or not isinstance(entry.get(key) or {}, Mapping):
        return entry
    return {**entry, key: {**ground, **(entry.get(key) or {})}}


def _build(kind: Any, values: Any, where: str) -> Any:
    """Gives a dataclass from plain values, checking keys and types."""
    if values is None:
        values = {}
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where or 'configuration'}: a mapping of keys, not {values!r}")
    hints = typing.get_type_hints(kind)
    names = [entry.name for entry in dataclasses.fields(kind)]
    arguments = {}
    for key, value in values.items():
        path = f"{where}.{key}" if where else str(key)
        if key not in names:
            near = nearest(str(key), names) or f"; known: {', '.join(names)}"
            raise ConfigError(f"{path}: unknown key{near}")
        arguments[key] = _value(hints[key], value, path)
    try:
        return kind(**arguments)
    except ConfigError as error:
        prefix = where.rsplit(".", 1)[0] if "." in where else ""
        raise ConfigError(f"{prefix}: {error}" if prefix else str(error)) from None


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, where)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(f"{where}: {value!r} is none of {', '.join(map(str, arguments))}")
        return value
    if origin in (typing.Union, types.UnionType):
        return None if value is None else _value(arguments[0], value, where)
    if origin is tuple:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise ConfigError(f"{where}: a list, not {value!r}")
        return tuple(_value(arguments[0], entry, f"{where}[{place}]") for place, entry in enumerate(value))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {str(name): _value(arguments[1], entry, f"{where}.{name}") for name, entry in value.items()}
    return _scalar(hint, value, where)


def _scalar(hint: type, value: Any, where: str) -> Any:
    # YAML 1.1 reads 5e-6 (no point) as a string.
    if hint is float and isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    if isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    raise ConfigError(f"{where}: {value!r} is no {hint.__name__}")
