"""Parser functions, by https://www.mediawiki.org/wiki/Help:Extension:ParserFunctions and Help:Magic_words."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.wikitext.site import Site
from pipelines.wikitext.templates import call_parser_function
from pipelines.wikitext.templates.expressions import evaluate

ERROR = '<strong class="error"></strong>'
"""What leaves nothing in the text and is seen by ``#iferror``."""
SITE = Site(date=datetime.date(2022, 3, 4), namespaces={"": 0, "help": 12})


def call(name: str, argument: str = "", *arguments: str, title: str = "Apple pie/Crust") -> str | None:
    return call_parser_function(name, argument, list(arguments), title, SITE)


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("#if", ("x", "yes", "no"), "yes"),
        ("#if", (" ", "yes", "no"), "no"),
        ("#if", ("", "yes"), ""),
        ("#IF", ("x", "yes"), "yes"),
        ("#ifeq", ("a", "a", "same", "other"), "same"),
        ("#ifeq", ("1.0", "1", "same", "other"), "same"),
        ("#ifeq", ("a", "A", "same", "other"), "other"),
        ("#ifexpr", ("1 > 0", "yes", "no"), "yes"),
        ("#ifexpr", ("1 >", "yes", "no"), "no"),
        ("#ifexist", ("Page", "yes", "no"), "yes"),
        ("#switch", ("b", "a=1", "b=2", "3"), "2"),
        ("#switch", ("z", "a=1", "b=2", "3"), "3"),
        ("#switch", ("a", "a", "b=2", "3"), "2"),
        ("#switch", ("z", "#default=d", "a=1"), "d"),
        ("#switch", ("z", "a=1"), ""),
        ("#expr", ("2*(3+4) mod 5",), "4"),
        ("#expr", ("-2^2",), "4"),
        ("#expr", ("2400/100",), "24"),
        ("#expr", ("1/3",), "0.33333333333333"),
        ("#expr", ("2.345 round 2",), "2.35"),
        ("#expr", ("1/0",), '<strong class="error"></strong>'),
        ("#expr", ("1 2",), '<strong class="error"></strong>'),
        ("#expr", ("",), ""),
        ("#expr", ("not 0 and 1",), "1"),
        ("formatnum", ("1234567.12345",), "1,234,567.12345"),
        ("formatnum", (" 3003",), "3,003"),
        ("formatnum", ("1,234", "R"), "1234"),
        ("lc", ("ABC",), "abc"),
        ("ucfirst", ("abc",), "Abc"),
        ("lcfirst", ("ABC",), "aBC"),
        ("padleft", ("7", "3"), "007"),
        ("padright", ("a", "3", "xy"), "axy"),
        ("padleft", ("7", "99999999"), "0" * 499 + "7"),
        ("plural", ("1", "page", "pages"), "page"),
        ("plural", ("2", "page", "pages"), "pages"),
        ("#time", ("j F Y", "2001-02-03"), "3 February 2001"),
        ("#time", ('"Y" Y',), "Y 2022"),
        ("#time", ("Y", "gibberish"), ERROR),
        ("#time", ("j F Y, g:i a", "3 Feb 2001 1:05 PM"), "3 February 2001, 1:05 pm"),
        ("#time", ("Y-m-d H:i", "2001-02-03T01:14:15+02:00"), "2001-02-02 23:14"),
        ("#time", ("H:i", "2001-02-03 13:14 EST"), "18:14"),
        ("#time", ("l D", "1988-02-28", "fr"), "dimanche dim"),
        ("#time", ("j F Y", "28 February 1988", "nl"), "28 februari 1988"),
        ("#time", ("c", "2000-01-01"), "2000-01-01T00:00:00+00:00"),
        ("#time", ("r", "1 Jan 2000"), "Sat, 01 Jan 2000 00:00:00 +0000"),
        ("#time", ("U", "1970-01-02 00:00:01"), "86401"),
        ("#time", ("j F Y", "2000-12-31 +1 day"), "1 January 2001"),
        ("#time", ("F Y", "31 January 2001 +1 month"), "March 2001"),
        ("#time", ("Y", "2 years ago"), "2020"),
        ("#time", ("xkY xoY xx", "2000-01-01"), "2543 89 x"),
        ("#time", ("xtY", "2018-04-01"), "平成30"),
        ("#time", ("xtY", "2019-05-01"), "令和元"),
        ("#time", ("j xrn xrY", "2024-05-01"), "1 V MMXXIV"),
        ("#time", ("xmj xmF xmY", "2024-03-11"), "1 Ramadan 1445"),
        ("#time", ("xmj xmF xmY", "2022-05-02"), "30 Ramadan 1443"),
        ("#time", ("xjj xjF xjY", "1948-05-14"), "5 Iyar 5708"),
        ("#time", ("xjj xjF xjY", "2024-03-24"), "14 Adar II 5784"),
        ("#time", ("xjj xjF xjY", "2023-09-16"), "1 Tishrei 5784"),
        ("#time", ("xhxjj xhxjY", "2023-09-30"), 'ט"ו ה\'תשפ"ד'),
        ("#time", ("xij xiF xiY", "2024-03-20"), "1 Farvardin 1403"),
        ("#time", ("xij xiF xiY", "2021-03-20"), "30 Esfand 1399"),
        ("#time", ("xit xiz xin", "2024-03-20"), "31 0 1"),
        ("#time", ("H:i", "2011-11-12 23:00 Europe/Paris"), "22:00"),
        ("#time", ("H:i", "2011-11-12 23:00 Europe/Nowhere"), ERROR),
        ("#timef", ("15 January 2001",), "00:00, 15 January 2001"),
        ("#timef", ("15 January 2001", "date", "es"), "15 de enero de 2001"),
        ("#timef", ("15 January 2001 13:14", "time"), "13:14"),
        ("#timef", ("15 January 2001", "pretty"), "15 January"),
        ("#timef", ("15 January 2001", "both", "ja"), "2001年1月15日 (月) 00:00"),
        ("#titleparts", ("a/" * 24 + "b/c", "", "25"), "b/c"),
        ("#time", ("Y", "1959"), "1959"),
        ("#time", ("Y", "31 February nonsense"), ERROR),
        ("#language", ("de",), "Deutsch"),
        ("#language", ("ES",), "español"),
        ("#language", ("de", "en"), "German"),
        ("#language", ("nosuch",), "nosuch"),
        ("#tag", ("ref", "text"), ""),
        ("#tag", ("sub", "2"), "<sub>2</sub>"),
        ("#titleparts", ("a/b/c", "1", "2"), "b"),
        ("DEFAULTSORT", ("x",), ""),
        ("DISPLAYTITLE", ("x",), ""),
        ("anchorencode", ("a b",), "a_b"),
        ("urlencode", ("a b&c",), "a+b%26c"),
        ("urlencode", ("a b", "WIKI"), "a_b"),
        ("ns", ("6",), "File"),
        ("ns", ("06",), "File"),
        ("ns", ("00",), ""),
        ("ns", ("uSeR_tAlK",), "User talk"),
        ("ns", ("Image",), "File"),
        ("ns", ("no such",), "no such"),
        ("NAMESPACENUMBER", ("Help:Contents",), "12"),
        ("TALKSPACE", ("User talk:A",), "User talk"),
        ("SUBJECTSPACE", ("User talk:A",), "User"),
        ("SUBJECTPAGENAME", ("User talk:A",), "User:A"),
        ("TALKPAGENAME", ("A",), "Talk:A"),
        ("PAGELANGUAGE", (), "en"),
        ("#formatdate", ("june 3", "dmy"), "3 June"),
        ("#formatdate", ("3 June", "mdy"), "June 3"),
        ("#formatdate", ("junx 3", "dmy"), "junx 3"),
        ("padleft", ("", "3", "x\x00y"), "xyx"),
        ("urlencode", ("a\x00\x00b",), "ab"),
        ("anchorencode", (" __a [[b|c]]__ ",), "a_c"),
        ("#len", ("Žmrž",), "4"),
        ("#len", ("",), "0"),
        ("#pos", ("stringstring", "str", "4"), "6"),
        ("#pos", ("Lorem", "x"), ""),
        ("#rpos", ("a/b/c", "/"), "3"),
        ("#rpos", ("abc", "/"), "-1"),
        ("#sub", ("Lorem", "1", "3"), "ore"),
        ("#sub", ("Lorem", "-2"), "em"),
        ("#sub", ("Lorem", "1", "-1"), "ore"),
        ("#count", ("banana", "a"), "3"),
        ("#replace", ("banana", "a", "o", "2"), "bonona"),
        ("#explode", ("Foo*Bar", "*", "-1"), "Bar"),
        ("#explode", ("a b c", "", "1", "2"), "b c"),
        ("#explode", ("a", "*", "5"), ""),
        ("#explode", ("a*b", "*", "- 1"), ""),
        ("#urldecode", ("foo%20bar+b",), "foo bar b"),
        ("#replace", ("x" * 1001, "x", "y"), ""),
        # Numbers as PHP writes them.
        ("#expr", ("123456789012345",), "1.2345678901234E+14"),
        ("#expr", ("10^13 + 0.5",), "10000000000000"),
        ("#expr", ("1e-7",), "1.0E-7"),
        ("#expr", ("2 * 10^20",), "2.0E+20"),
        ("#expr", ("exp 1000",), "INF"),
        ("#expr", ("(-8)^0.5",), "NAN"),
        ("#expr", ("1.005 round 2",), "1.01"),
        ("#expr", ("-2.5 round 0",), "-3"),
        ("#expr", ("1234 round -2",), "1200"),
        ("#expr", ("5 round 400",), "5"),
        ("#ifexpr", ("exp 1000 > 1", "yes", "no"), "yes"),
        ("formatnum", ("-1234.5",), "−1,234.5"),
        ("formatnum", ("-1234.5", "NOSEP"), "−1234.5"),
        ("formatnum", ("−1,234.5", "R"), "-1234.5"),
        ("formatnum", ("1e4",), "10,000"),
        ("formatnum", ("a-b",), "a-b"),
        ("padleft", ("a", "3", ""), "a"),
        ("#titleparts", ("a b/c_d", "2"), "A b/c d"),
        ("#titleparts", ("Talk:x/y", "1"), "Talk:X"),
        ("#time", ("Y-m-d", "0044-03-15"), "0044-03-15"),
        ("#time", ("H:i j", "20010203140506"), "14:05 3"),
        ("#time", ("Y-m-d", "31 Feb 2001"), "2001-03-03"),
        ("#time", ("j F", "last day of february 2004"), "29 February"),
        ("#time", ("j F", "first day of next month"), "1 April"),
        ("#time", ("l j", "monday"), "Monday 7"),
        ("#time", ("l j", "next friday"), "Friday 11"),
        ("#time", ("H:i", "noon"), "12:00"),
        ("#time", ("j F Y", "May"), "4 May 2022"),
        ("#time", ("j F Y", "junk"), ERROR),
        ("#iferror", (ERROR, "bad", "good"), "bad"),
        ("!", (), "|"),
        ("=", (), "="),
        ("CURRENTYEAR", (), "2022"),
        ("cURRENTYEAR", (), "2022"),
        ("CURRENTMONTHNAME", (), "March"),
        ("PAGENAME", (), "Apple pie/Crust"),
        ("BASEPAGENAME", (), "Apple pie"),
        ("SUBPAGENAME", (), "Crust"),
        ("PAGENAMEE", (), "Apple_pie/Crust"),
        ("NAMESPACE", (), ""),
        ("NAMESPACE", ("Help:Contents",), "Help"),
        ("PAGENAME", ("Help:Contents",), "Contents"),
    ],
)
def test_function(name: str, arguments: tuple[str, ...], text: str) -> None:
    assert call(name, *arguments) == text


@pytest.mark.parametrize("name", ["#invoke", "convert", "Infobox", "", "#nonsense", "pagename"])
def test_what_is_no_function(name: str) -> None:
    assert call(name, "x") is None


def test_dates_are_empty_where_the_dump_has_none() -> None:
    assert call_parser_function("CURRENTYEAR", "", [], "A", Site()) == ""


@given(st.text(alphabet="0123456789.+-*/^() eroundmodpi<>=", max_size=60))
def test_expressions_never_raise(expression: str) -> None:
    value = evaluate(expression)
    assert value is None or isinstance(value, (int, float))


@given(
    st.sampled_from(
        ["#if", "#switch", "#expr", "#time", "formatnum", "padleft", "#titleparts", "ns", "PAGENAME", "#tag"]
    ),
    st.text(max_size=20),
    st.lists(st.text(max_size=12), max_size=4),
)
def test_functions_never_raise(name: str, argument: str, arguments: list[str]) -> None:
    assert isinstance(call_parser_function(name, argument, arguments, "A", SITE), str)
