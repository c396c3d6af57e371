"""Quotations that stand as blocks of their own, and inline ones."""

from __future__ import annotations

from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []


@template("quote", "blockquote", "cquote", "quotation", "bquote", "block quote", "rquote")
@template(
    "centered pull quote",
    "pull quote",
    "quote frame",
    "imagequote",
    "quote without source",
    "lquote",
    "epigraph",
)
def block_quotation(call: TemplateCall) -> str | None:
    """``{{quote|text|author|source}}`` -> ``<blockquote>text</blockquote>`` with ``— author, source`` behind it."""
    arguments = call.positional()
    text = call.get("text", "quote", "content", "1")
    sides = 0
    if (
        call.name.startswith(("rquote", "lquote"))
        and arguments[:1]
        and arguments[0] in ("left", "right", "center")
    ):
        text, sides = call.get("text", "quote", "2"), 1
    if not text:
        # Without a text `quote without source` is a mere remark.
        return "" if call.name == "quote without source" else None
    author = call.get("author", "by", "sign", "cite", "person", str(2 + sides))
    source = call.get("source", "title", "ts", str(3 + sides))
    if call.name.startswith("cquote") and not call.get("author", "sign"):
        # Its positional arguments two and three are the sizes of the marks.
        author, source = call.get("by", "4"), call.get("source", "5")
    return _block(text, author, source)


def _block(text: str, author: str, source: str) -> str:
    origin = ", ".join(filter(None, (author, source)))
    line = f"\n\n— {origin.lstrip('—–- ')}" if origin else ""
    return f"<blockquote>\n{text}{line}\n</blockquote>"


@template("poemquote", "poem quote", "poem")
def poem_quotation(call: TemplateCall) -> str | None:
    """``{{poemquote|lines}}`` -> the lines as a poem inside a quotation."""
    text = call.get("text", "1")
    if not text:
        return None
    lines = "<br>\n".join(line.strip() for line in text.splitlines())
    return _block(lines, call.get("author", "sign", "2"), call.get("title", "source", "3"))


@template("verse translation")
def verse_translation(call: TemplateCall) -> str | None:
    """``{{verse translation|original|English}}`` -> both, as quotations."""
    texts = [text for text in (call.get("2", "text1") and call.get("1"), call.get("2")) if text]
    if not texts:
        return None
    return "".join(_block("<br>\n".join(map(str.strip, text.splitlines())), "", "") for text in texts)


@template("quote box", "quotebox")
def quote_box(call: TemplateCall) -> str | None:
    """``{{quote box|quote=text|author=A}}`` -> a quotation, as it stands beside the text."""
    text = call.get("quote", "text", "1")
    return _block(text, call.get("author", "by"), call.get("source")) if text else None


@template("talkquote", "tq", "talk quote")
def talk_quotation(call: TemplateCall) -> str:
    """``{{tq|text}}`` -> ``text``."""
    return call.get("1", "text", "quote")


@template("quote in text")
def inline_quotation(call: TemplateCall) -> str:
    """``{{quote in text|words}}`` -> ``"words"``."""
    return f'"{call.get("1")}"' if call.get("1") else ""


@template("dialogue")
def dialogue(call: TemplateCall) -> str:
    """``{{dialogue|Ann|Yes.}}`` -> ``Ann: Yes.``."""
    speaker, words = call.get("1"), call.get("2")
    return f"{speaker}: {words}" if words else speaker


@template("interlinear", "fs interlinear", "gcl")
def interlinear(call: TemplateCall) -> str | None:
    """``{{gcl|NOM|nominative}}`` -> ``NOM``; whole interlinear glosses show their free translation."""
    if call.name in ("gcl"):
        return call.get("1")
    lines = [line for line in call.positional() if line]
    return lines[-1] if lines else None
