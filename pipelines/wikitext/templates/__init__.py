"""Renderers of the templates that stand in running text, one small function a template.

A renderer does what the template's own wikitext does on the wiki: it is called with arguments that are
wikitext, and returns wikitext (links as ``[[...]]``), which the extractor then reads on. Italics are marks
(`markup.italic`), so that no apostrophes around a call can pair with them.
"""

# Importing the modules of renderers fills the registry.
from pipelines.wikitext.templates import (  # noqa: F401
    ages,
    convert,
    countries,
    cross_links,
    dates,
    east_asian,
    identifiers,
    languages,
    lists,
    mathematics,
    money,
    numbers,
    numerals,
    people,
    places,
    pronunciation,
    proportions,
    quotations,
    sciences,
    ships,
    sports,
    strings,
    typography,
    works,
)
from pipelines.wikitext.templates.formulas import plain_formula
from pipelines.wikitext.templates.kinds import template_kind
from pipelines.wikitext.templates.parser_functions import call_parser_function
from pipelines.wikitext.templates.registry import (
    Renderer,
    TemplateCall,
    find_renderer,
    normalise_template_name,
    registered_names,
)

__all__ = [
    "Renderer",
    "TemplateCall",
    "call_parser_function",
    "find_renderer",
    "normalise_template_name",
    "plain_formula",
    "registered_names",
    "template_kind",
]
