"""Wikis in other languages than English: their own templates, numbers and dates, and no English rules."""

import dataclasses

import pytest

from pipelines.wikitext import ENGLISH_WIKIPEDIA, extract_article
from pipelines.wikitext.data import read_table
from pipelines.wikitext.templates.other_languages import find_renderer_on, template_kind_on
from pipelines.wikitext.templates.registry import TemplateCall, normalise_template_name


def extract(language, wikitext, title="Page"):
    return extract_article(
        wikitext, title=title, site=dataclasses.replace(ENGLISH_WIKIPEDIA, language=language)
    )


SHOWN = [
    ("sv", "{{formatnum:3}} {{formatnum:1234.5}} {{formatnum:1 234,5|R}}", "3 1 234,5 1234.5"),
    ("de", "{{formatnum:1234567.8}} {{#time:j. F Y|2001-05-03}}", "1.234.567,8 3. Mai 2001"),
    ("es", "{{formatnum:1234}} {{formatnum:12345}}", "1234 12 345"),
    ("en", "{{formatnum:1234.5}} {{#time:j F Y|2001-02-03|fr}}", "1,234.5 3 février 2001"),
    ("ru", "{{#time:j xg Y|2001-05-03}} {{#time:F|2001-05-03}}", "3 мая 2001 май"),
    ("fr", "{{date|3|mai|2001}} {{date|1|5|2001}} {{date de naissance|16|septembre|1880}}",
     "3 mai 2001 1er mai 2001 16 septembre 1880"),
    ("fr", "{{s-|XV}}, {{s|XIX|e}}, {{-s|V}}, {{Ier siècle}}",
     "XVe siècle, XIXe siècle, Ve siècle av. J.-C., Ier siècle"),
    ("fr", "{{citation|mot}} {{unité|1234,5|km|2}} {{lang|en|x}} {{n°}} 3 {{heure|10|30}} {{abréviation|x|y}}",
     "« mot » 1 234,5 km2 x no 3 10 h 30 x"),
    ("de", "{{enS|word}} {{Zitat|Ja}} {{lang|en|x}} {{Datum|3|5|2001}}", "englisch word „Ja“ x 3. Mai 2001"),
    ("es", "{{fecha|3|5|2001}} {{siglo|XV}} {{siglo|XV||s}} {{lang-en|x}} {{unidad|3|km}}",
     "3 de mayo de 2001 siglo XV siglo XV en inglés: x 3 km"),
    ("it", "a {{citazione necessaria|la frase|data}} b {{citazione necessaria}} 5 {{m s.l.m.}} {{TA|a b}}",
     "a la frase b 5 m s.l.m. a b"),
    ("pt", "{{dtlink|3|5|2001}} {{séc|XV}} {{japonês|Foo|甲|kou}}", "3 de maio de 2001 século XV Foo (甲, kou)"),
    ("ru", "{{дата|3|5|2001}} {{lang-en|x}} {{нп5|Имя|текст|en|X}} {{s|3 км}}", "3 мая 2001 англ. x текст 3 км"),
    ("ja", "{{読み仮名|東京|とうきょう}}は{{要出典範囲|文|date=2020}} {{lang-en|x}}", "東京（とうきょう）は文 英語: x"),
    ("zh", "{{lang-en|x}} {{tsl|en|A|乙}} {{bd|1900年|1月1日|1950年|2月2日}}",
     "英语：x 乙 （1900年1月1日－1950年2月2日）"),
    ("nl", "{{Datum|3|5|2001}} {{getal|1234}} {{lang-fr|x}}", "3 mei 2001 1.234 Frans: x"),
    ("pl", "{{data|3|5|2001}} {{j|en|x}} {{fakt|y}}", "3 maja 2001 x y"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "wikitext", "text"), SHOWN)
def test_templates_show_what_the_wiki_shows(language, wikitext, text):
    article = extract(language, f"x {wikitext} y")
    assert [paragraph.text for paragraph in article.paragraphs] == [f"x {text} y"]
    assert not article.unknown_templates


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("東京（{{R|a}}）は都市。", "東京は都市。"),
        ("東京（とうきょう、{{R|a}}）は", "東京（とうきょう）は"),
        ("東京（{{R|a}}、とうきょう）は", "東京（とうきょう）は"),
        ("「<ref>x</ref>」と「甲」", "と「甲」"),
        ("main() （）です", "main() です"),
    ],
)
def test_full_width_brackets_are_tidied_as_narrow_ones(wikitext, text):
    assert [paragraph.text for paragraph in extract("ja", wikitext).paragraphs] == [text]


def test_a_biography_keeps_its_lead_and_its_picture():
    bio = (
        "{{Bio|Nome=Ada|Cognome=Rossi|Sesso=F|LuogoNascita=Roma|GiornoMeseNascita=3 maggio|AnnoNascita=1900"
        "|LuogoMorte=Milano|AnnoMorte=1950|Attività=pittrice|Attività2=poetessa|Nazionalità=italiana|Immagine=A.jpg}}"
    )
    article = extract("it", bio + "\nVisse a Roma.")
    assert article.paragraphs[0].text.startswith(
        "Ada Rossi (Roma, 3 maggio 1900 – Milano, 1950) è stata una pittrice e poetessa italiana."
    )
    assert [image.file for image in article.images] == ["A.jpg"]


@pytest.mark.parametrize("language", ["fr", "sv", "xx"])
def test_english_rules_hold_on_english_wikis_alone(language):
    article = extract(language, "a {{convert|3|km}} b {{flag|Germany}} c {{circa|1500}} d {{s-start}} e")
    assert set(article.unknown_templates) == {"convert", "flag", "circa", "s-start"}
    assert not article.dropped_templates
    assert extract("simple", "a {{convert|3|km}} b").paragraphs[0].text == "a 3 kilometres (1.9 mi) b"


@pytest.mark.parametrize(
    ("language", "name", "kind"),
    [
        ("fr", "citation", None),
        ("fr", "palette Villes", "navbox"),
        ("de", "Infobox Fluss", "infobox"),
        ("de", "internetquelle", "citation"),
        ("sv", "infobox ort", "infobox"),
        ("sv", "cite web", "citation"),
        ("ja", "出典の明記", "maintenance"),
        ("ru", "карточка реки", "infobox"),
        ("xx", "flag", None),
    ],
)
def test_kinds_are_those_of_the_language(language, name, kind):
    assert template_kind_on(language, normalise_template_name(name)) == kind


@pytest.mark.parametrize(
    ("language", "wikitext"),
    [
        ("de", "'''Löwe''' steht für:\n* [[Löwe]]\n{{Begriffsklärung}}"),
        ("fr", "{{Homonymie de personnes}}\n* [[A]]"),
        ("it", "{{Disambigua}}\n* [[A]]"),
        ("ja", "{{曖昧さ回避}}\n* [[A]]"),
        ("ru", "{{неоднозначность}}\n* [[A]]"),
    ],
)
def test_disambiguation_pages_are_told_by_the_templates_of_the_language(language, wikitext):
    assert extract(language, wikitext).disambiguation
    assert not extract(language, "A page.").disambiguation


LANGUAGES = sorted({language for language, _, _ in read_table("templates_by_language")})


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_renderer_of_a_language_raises(language):
    site = dataclasses.replace(ENGLISH_WIKIPEDIA, language=language)
    for code, names, _ in read_table("templates_by_language"):
        if code != language:
            continue
        for name in map(normalise_template_name, names.split("|")):
            renderer = find_renderer_on(language, name)
            assert renderer is not None
            for values in (
                [],
                ["x"],
                ["3", "13", "-1"],
                ["[[a]]", "''b''", "<b>"],
                ["3", "5", "2001"],
                [""] * 4,
            ):
                arguments = {str(number): value for number, value in enumerate(values, 1)}
                assert isinstance(renderer(TemplateCall(name, arguments, "Page", site)), str | None)
