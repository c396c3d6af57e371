"""The registry of template renderers: by name, found in constant time.

A renderer is a function from a `TemplateCall` to wikitext, registered under the template's English name and
the names that redirect to it on the wiki::

    @template("circa", "c.", "ca")
    def circa(call: TemplateCall) -> str:
        '''``{{circa|1500}}`` -> ``c. 1500``'''
        return f"c. {call.get('1')}".rstrip()

It returns None where the arguments make no sense to it; the call then counts as unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pipelines.wikitext.site import ENGLISH_WIKIPEDIA, Site

__all__ = ["Renderer", "TemplateCall", "find_renderer", "normalise_template_name", "template"]


@dataclass(slots=True)
class TemplateCall:
    """One use of a template, its arguments' own templates already expanded.

    Positional arguments have the keys ``"1"``, ``"2"``, ... and keep their white space, named arguments are
    trimmed, as in MediaWiki; the last of two arguments of one name wins.
    """

    name: str
    """Normalised name (`normalise_template_name`), which tells a renderer of several apart."""
    arguments: dict[str, str] = field(default_factory=dict)
    title: str = ""
    """Title of the page, as displayed."""
    site: Site = ENGLISH_WIKIPEDIA

    def get(self, *keys: str, default: str = "") -> str:
        """Gives the first of the arguments `keys` that is there and not blank, trimmed; else `default`."""
        for key in keys:
            value = self.arguments.get(key, "").strip()
            if value:
                return value
        return default

    def positional(self) -> list[str]:
        """Gives the arguments ``1``, ``2``, ... up to the first that is missing, trimmed."""
        values: list[str] = []
        while (value := self.arguments.get(str(len(values) + 1))) is not None:
            values.append(value.strip())
        return values


Renderer = Callable[[TemplateCall], "str | None"]

_RENDERERS: dict[str, Renderer] = {}


def normalise_template_name(name: str) -> str:
    """Gives a template's name as the registry holds it: single spaces, the first letter in lower case."""
    name = " ".join(name.replace("_", " ").split())
    return name[:1].lower() + name[1:]


def template(*names: str) -> Callable[[Renderer], Renderer]:
    """Registers the decorated renderer under `names`.

    Raises:
        ValueError: another renderer has one of the names.
    """

    def register(renderer: Renderer) -> Renderer:
        for name in map(normalise_template_name, names):
            if name in _RENDERERS:
                raise ValueError(f"two renderers for the template {name!r}")
            _RENDERERS[name] = renderer
        return renderer

    return register


def find_renderer(name: str) -> Renderer | None:
    """Gives the renderer of the template with the normalised name `name`, if there is one."""
    return _RENDERERS.get(name)
