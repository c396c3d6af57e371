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
from functools import lru_cache

from pipelines.wikitext.data import read_table
from pipelines.wikitext.marks import REMOVED
from pipelines.wikitext.site import ENGLISH_WIKIPEDIA, Site

__all__ = [
    "Renderer",
    "TemplateCall",
    "find_renderer",
    "normalise_template_name",
    "registered_names",
    "resolve_spelling",
    "template",
    "template_family",
]


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
    before: str = ""
    """The last words before the call, as far as they are expanded: what the sentence says of it."""

    def is_called(self, *names: str) -> bool:
        """Tell whether the call uses one of `names`, spelled as the wiki spells them."""
        return self.name in map(normalise_template_name, names)

    def get(self, *keys: str, default: str = "") -> str:
        """Return the first of the arguments `keys` that is there and not blank, trimmed; else `default`.

        An argument of which inner calls have left nothing is blank.
        """
        for key in keys:
            value = self.arguments.get(key, "").strip()
            if value and value != REMOVED:
                return value
        return default

    def positional(self) -> list[str]:
        """Return the arguments ``1``, ``2``, ... up to the first that is missing, trimmed."""
        values: list[str] = []
        while (value := self.arguments.get(str(len(values) + 1))) is not None:
            value = value.strip()
            values.append("" if value == REMOVED else value)
        return values


Renderer = Callable[[TemplateCall], "str | None"]

_RENDERERS: dict[str, Renderer] = {}
_FAMILIES: dict[str, Renderer] = {}


def normalise_template_name(name: str) -> str:
    """Return a template's name as the registry holds it: single spaces, the first letter in lower case."""
    return _lower_first(" ".join(name.replace("_", " ").split()))


def _lower_first(name: str) -> str:
    """Return `name` with its first letter in lower case, where that is one letter, as MediaWiki compares it."""
    first = name[:1].lower()
    return first + name[1:] if len(first) == 1 else name


def template(*names: str) -> Callable[[Renderer], Renderer]:
    """Register the decorated renderer under `names`.

    Raises:
        ValueError: another renderer has one of the names.
    """

    def register(renderer: Renderer) -> Renderer:
        for name in dict.fromkeys(map(normalise_template_name, names)):
            if name in _RENDERERS:
                raise ValueError(f"two renderers for the template {name!r}")
            _RENDERERS[name] = renderer
        return renderer

    return register


def template_family(*beginnings: str) -> Callable[[Renderer], Renderer]:
    """Register the decorated renderer for all templates whose names begin with one of `beginnings`.

    That is for families with a member for every language or script (``lang-de``, ``script/Hebrew``); a template of
    its own name comes first.

    Raises:
        ValueError: another renderer has one of the beginnings.
    """

    def register(renderer: Renderer) -> Renderer:
        for beginning in map(_lower_first, beginnings):
            if beginning in _FAMILIES:
                raise ValueError(f"two renderers for the templates {beginning!r}...")
            _FAMILIES[beginning] = renderer
        return renderer

    return register


@lru_cache(maxsize=1 << 14)
def find_renderer(name: str) -> Renderer | None:
    """Return the renderer of the template with the normalised name `name`, if there is one.

    Every letter but the first counts: ``{{FV}}`` names a ship, ``{{fv}}`` finds fault with a source.
    """
    renderer = _RENDERERS.get(resolve_spelling(name))
    if renderer is not None:
        return renderer
    for beginning, member in _FAMILIES.items():
        if name.startswith(beginning):
            return member
    return None


def resolve_spelling(name: str) -> str:
    """Return the name under which the template `name`, normalised, is registered: itself, or what it redirects to."""
    return name if name in _RENDERERS else _spellings().get(name, name)


@lru_cache(maxsize=1)
def _spellings() -> dict[str, str]:
    return {
        normalise_template_name(spelling): normalise_template_name(template_name)
        for template_name, spellings in read_table("template_spellings")
        for spelling in spellings.split("|")
    }


def registered_names() -> list[str]:
    """Return the normalised names of all templates that have a renderer of their own, sorted."""
    return sorted(_RENDERERS)
