from dataclasses import replace

import pytest

from pipelines.wikitext import extract_article
from pipelines.wikitext.site import ENGLISH_WIKIPEDIA


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("The name is pronounced {{IPAc-en|ˈ|ɑː|k}}.", "The name is pronounced /ˈɑːk/."),
        ("'''Ark''' ({{IPAc-en|ˈ|ɑː|k}} {{respell|ARK}}; ''Arca'') is a box.", "Ark (Arca) is a box."),
        ("It is pronounced {{IPAc-en|'|f|oU|n|@}}.", "It is pronounced /ˈfoʊnə/."),
        ("A bell ({{audio|Bell.ogg|listen}}) rings.", "A bell rings."),
        ("They play {{audio|Fugue.ogg|a fugue}} there.", "They play a fugue there."),
        ("It is pronounced {{respell|prə|NOWN|sing}} there.", "It is pronounced prə-NOWN-sing there."),
        ("'''Ulm''' ({{IPA-de|ʊlm|lang|Ulm.ogg}}) is a city.", "Ulm is a city."),
        ("'''Oui''' (pronounced {{IPA-fr|wi|}}) means yes.", "Oui (pronounced [wi]) means yes."),
        (
            "In German pronunciation: {{IPA|de|ʊlm}} it is short.",
            "In German pronunciation: [ʊlm] it is short.",
        ),
        ("The sound {{IPA|/a/}} is open.", "The sound /a/ is open."),
    ],
)
def test_a_pronunciation_stays_where_the_sentence_speaks_of_it(wikitext, text):
    assert extract_article(wikitext, title="Page").paragraphs[0].text == text


@pytest.mark.parametrize(
    ("wikitext", "text"),
    [
        ("'''Ark''' ({{IPAc-en|ˈ|ɑː|k}} {{respell|ARK}}; ''Arca'') is.", "Ark (/ˈɑːk/ ARK; Arca) is."),
        ("'''Ulm''' ({{IPA|de|ʊlm|lang|Ulm.ogg}}) is.", "Ulm (German: [ʊlm]) is."),
        (
            "'''Ulm''' ({{IPA-de|ʊlm|local}}, {{IPAc-en|lang|ʊ|l|m}}) is.",
            "Ulm (locally [ʊlm], English: /ʊlm/) is.",
        ),
        ("It is pronounced {{IPA|de|ʊlm}}.", "It is pronounced [ʊlm]."),
        ("Oui (pronounced {{IPA-fr|wi|}}) is.", "Oui (pronounced [wi]) is."),
    ],
)
def test_a_site_that_keeps_pronunciations_shows_them(wikitext, text):
    site = replace(ENGLISH_WIKIPEDIA, pronunciations=True)
    assert extract_article(wikitext, title="Page", site=site).paragraphs[0].text == text
