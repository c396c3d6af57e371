"""Renderers of the templates that stand in running text, one small function a template.

A renderer does what the template's own wikitext does on the wiki: it is called with arguments that are
wikitext, and returns wikitext (links as ``[[...]]``, emphasis as ``''``), which the extractor then reads on.
"""
