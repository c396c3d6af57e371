"""Signs, spaces and dashes that have a template of their own."""

from __future__ import annotations

from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []

# Templates that stand for one sign or space, whatever their arguments: the sign, and the names separated by "|".
_SIGNS = (
    (
        " ",
        "nbs|space|sp|thinsp|thin space|thinspace|hairsp|hair space|hairspace|figure space|nnbsp|em space|emsp",
    ),
    (" ", "ensp|en space|hsp|gap|punctuation space"),
    (
        "",
        "zwsp|zero width space|zwj|zwnj|zero width joiner|zero-width joiner|word joiner|wj|shy|soft hyphen|wbr",
    ),
    ("", "lrm|rlm|nowrap begin|nowrap start|nowrap end|nobr end|void|null|n/a space"),
    ("", "increase|decrease|steady|gain|loss|profit|increasenegative|decreasepositive|nochange|no change"),
    (" – ", "snd|spnd|sndash|spaced ndash|spaced en dash|spaced endash|snds|spaced en dash space|dash|snd-"),
    (" — ", "smd|spaced mdash|spaced em dash|spaced emdash"),
    ("–", "ndash|endash|en dash|en-dash|nd|–"),
    ("—", "mdash|emdash|em dash|em-dash|mdashb|--|---|—"),
    ("-", "hyphen|hyp|non-breaking hyphen|nbhyph|nbh|shyp"),
    ("−", "minus"),
    ("×", "times"),
    ("...", "ellipsis|...|....|hellip|…"),
    ("CO<sub>2</sub>", "co2|cO2"),
    ("H<sub>2</sub>O", "h2o|h2O"),
    ("·", "dot|middot|int dot|interpunct|·|·w"),
    ("•", "bullet|bull|•"),
    ("|", "pipe|vertical bar"),
    ("\\", "backslash|bslash"),
    ("=", "equals|equals sign"),
    ("&#123;&#123;", "(("),
    ("&#125;&#125;", "))"),
    ("&#123;", "lbrace|left brace"),
    ("&#125;", "rbrace|right brace"),
    ("&#91;", "lbrack|left bracket|bracket left|["),
    ("&#93;", "rbrack|right bracket|bracket right|]"),
    ("&#42;", "asterisk|*|ast"),
    ("&#35;", "hash|number sign|hash-tag"),
    ("&lt;", "lt"),
    ("&gt;", "gt"),
    ("†", "dagger|†|extinct"),
    ("‡", "double dagger|double-dagger|ddagger|‡"),
    ("ʻ", "okina|hamza okina"),
    ("ʼ", "hamza|saltillo"),
    ("'", "'|apostrophe|straight apostrophe|-'|'-"),
    ("'s", "'s|'ps|`s|’s"),
    ("'\"", "' \"|'\""),
    ("\"'", "\" '|\"'"),
    ('"', '-"|"-'),
    ("<br>", "break|br|brk|crlf|crlf2|line break|newline"),
    ("\n\n", "pb|paragraph break|parabr|paragraph"),
    ("LORD", "lORD|lord"),
    ("GOD", "gOD"),
    ("½", "1/2|½"),
    ("¼", "1/4|¼"),
    ("¾", "3/4|¾"),
    ("", "rint|rail-interchange|rail color box|bSsplit|bSicon"),
    ("✓", "tick|aye|check mark|checkmark"),
    ("✗", "cross|nay|x mark|xmark"),
    ("–", "nbndash|nbnd|nbnden|non-breaking en dash|nsndns"),
    (" –", "nsnd|sndnbsp"),
    (" – ", "spd"),
    ("‒", "figure dash|fdash"),
    ("―", "horizontal bar|hbar"),
    ("⸺", "two-em dash|2em dash|long dash"),
    ("⸻", "three-em dash|3em dash"),
    ("—", "zero width joiner em dash zero width non joiner"),
    (" ", "quad|narrow no-break space|very thin space|ns"),
    ("", "zwnbsp|zero width non-joiner|bidi|lro|rlo"),
    ("∓", "∓|minusplus|minus plus"),
    ("⅓", "1/3|⅓"),
    ("⅔", "2/3|⅔"),
    ("⅛", "1/8|⅛"),
    ("⅜", "3/8|⅜"),
    ("⅝", "5/8|⅝"),
    ("⅞", "7/8|⅞"),
    ("°", "degree symbol|degree sign|°"),
    ("§", "section sign"),
    ("¶", "pilcrow"),
    ("&", "&|ampersand"),
    (":", "colon"),
    (";", "semicolon"),
    ("&#91;", "lsqb|lsb|!("),
    ("&#93;", "rsqb|rsb|)!"),
    ("&#123;", "(|{"),
    ("&#125;", ")|}"),
    ("→", "arrow|rarr|right arrow"),
    ("←", "larr|left arrow"),
    ("↑", "uarr|up arrow"),
    ("↓", "darr|down arrow"),
    ("ℓ", "ell"),
    ("∎", "qED|tombstone|q.e.d."),
    ("×", "hybrid|hybrid sign|multiply sign"),
    ("♠", "spades|spade"),
    ("♥", "hearts|heart"),
    ("♦", "diamonds"),
    ("♣", "clubs"),
    ("¢", "¢|cent sign"),
    ("ʼ", "alif"),
    ("ʽ", "ayin"),
    ("sg.", "singular"),
    ("pl.", "plural abbreviation"),
    ("i.e.", "i.e.|ie."),
    ("e.g.", "e.g."),
    ("est.", "est."),
    ("Own work", "own work"),
    ("", "colorbull|ric|access icon|rail icon|parking icon"),
)


def _register_signs() -> None:
    for sign, names in _SIGNS:

        @template(*names.split("|"))
        def constant(_call: TemplateCall, sign: str = sign) -> str:
            """``{{snd}}`` -> the sign of its line in the table."""
            return sign


_register_signs()
