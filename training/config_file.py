"""The configuration of a run from YAML.

``extends: NAME`` takes a preset (or another file) as the ground on which a file changes single keys;
``--set experts.text.fit.epochs=3`` changes one more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.config import ConfigError, RunConfig, nearest
from training.config_values import build_config

__all__ = ["apply_changes", "load_config", "preset_names"]

PRESETS = Path(__file__).parent / "presets"


def preset_names() -> list[str]:
    """Gives the names of the presets that are shipped."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def load_config(path: str | Path, changes: Sequence[str] = ()) -> RunConfig:
    """Gives the configuration of a file or preset, with ``key=value`` changes applied.

    Raises:
        ConfigError: the file is missing or no YAML mapping, a key is unknown, or a value does not fit.
    """
    values = _read(path, ())
    apply_changes(values, changes)
    return build_config(values)


def apply_changes(values: dict[str, Any], changes: Sequence[str]) -> None:
    """Change single keys of a configuration, each given as ``key=value``.

    Raises:
        ConfigError: no key and value, no YAML, or no such place.
    """
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals:
            raise ConfigError(f"--set {change}: write key=value, as --set fit.epochs=3")
        _set(values, key.strip().split("."), _yaml(text, f"--set {change}"), change)


def _read(path: str | Path, chain: tuple[Path, ...]) -> dict[str, Any]:
    found = Path(path)
    if not found.exists() and (PRESETS / f"{path}.yaml").exists():
        found = PRESETS / f"{path}.yaml"
    if found in chain:
        raise ConfigError(f"{found}: extends itself")
    try:
        text = found.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        near = nearest(str(path), preset_names())
        raise ConfigError(
            f"{path}: no such file or preset{near}; presets: {', '.join(preset_names())} ({error})"
        ) from error
    values = _yaml(text, str(found))
    if not isinstance(values, dict):
        raise ConfigError(f"{found}: a mapping of keys is needed, not {type(values).__name__}")
    ground = values.pop("extends", None)
    if ground is None:
        return values
    beside = found.parent / str(ground)
    return _merged(_read(beside if beside.exists() else str(ground), (*chain, found)), values)


def _yaml(text: str, where: str) -> Any:
    import yaml  # type: ignore[import-untyped]

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where}: not YAML: {error}") from error


def _merged(ground: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Gives `ground` with `changes`; mappings are merged key by key, a null takes an entry out."""
    merged = dict(ground)
    for key, value in changes.items():
        if key in ("experts", "mixtures") and isinstance(value, Mapping):
            merged[key] = {
                name: entry
                for name, entry in _merged(merged.get(key) or {}, value).items()
                if entry is not None
            }
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = value
    return merged


def _set(values: dict[str, Any], keys: Sequence[str], value: Any, change: str) -> None:
    here = values
    for key in keys[:-1]:
        if here.get(key) is None:
            here[key] = {}
        if not isinstance(here[key], dict):
            raise ConfigError(f"--set {change}: {key!r} holds no keys")
        here = here[key]
    if len(keys) == 2 and keys[0] in ("experts", "mixtures") and value is None:
        if keys[-1] not in here:
            known = nearest(keys[-1], here) or f"; there are {', '.join(here) or 'none'}"
            raise ConfigError(f"--set {change}: {keys[0]} has no {keys[-1]!r} to take out{known}")
        del here[keys[-1]]
    else:
        here[keys[-1]] = value
