"""Bold and italics: runs of apostrophes, paired line by line as MediaWiki pairs them.

The text only needs to know which apostrophes are marks. The rule is that of `Parser::doQuotes`: of a run of
four the first is text, of more than five all but the last five; where a line would leave both a bold and an
italic run open, one bold run is an apostrophe and an italic one.
"""

from __future__ import annotations

import re

__all__ = ["bold_runs", "strip_emphasis"]

# A run of two or more apostrophes.
_RUN = re.compile(r"('{2,})")
_BOLD = re.compile(r"(?<!')'{3}(?:'{2})?(?!')([^\n]{1,400}?)'{3}(?:'{2})?(?!')")


def strip_emphasis(line: str) -> str:
    """Return a line without the apostrophes that mark emphasis."""
    if "'''" not in line:
        return line.replace("''", "")
    if "''''" not in line:
        # Runs of two and three alone, and not an odd number of both: all of them are marks.
        without_bold = line.replace("'''", "")
        if not line.count("'''") & without_bold.count("''") & 1:
            return without_bold.replace("''", "")
    pieces = _RUN.split(line)
    bold = italic = 0
    for index in range(1, len(pieces), 2):
        length = len(pieces[index])
        if length != 2:
            if length == 4 or length > 5:
                kept = 1 if length == 4 else length - 5
                pieces[index - 1] += "'" * kept
                pieces[index] = "'" * (length - kept)
                length -= kept
            bold += 1
        if length != 3:
            italic += 1
    if bold % 2 and italic % 2:
        index = _unbalanced_bold(pieces)
        if index:
            pieces[index - 1] += "'"
    return "".join(pieces[::2])


def bold_runs(line: str) -> list[str]:
    """Return what a line prints in bold, without marks of emphasis."""
    return [strip_emphasis(run) for run in _BOLD.findall(line)] if "'''" in line else []


def _unbalanced_bold(pieces: list[str]) -> int:
    """Return the index of the bold run whose first apostrophe is text; 0 where there is none.

    It is the first behind a single letter (of one byte), else behind a word, else behind a space.
    """
    after_word = after_space = 0
    for index in range(1, len(pieces), 2):
        if len(pieces[index]) != 3:
            continue
        before = pieces[index - 1]
        if before[-1:] == " ":
            after_space = after_space or index
        elif before[-2:-1] == " " and before[-1].isascii():
            return index
        else:
            after_word = after_word or index
    return after_word or after_space
