"""Wikis in other languages than English: their own templates, numbers and dates, and no English rules."""

import dataclasses
import datetime

import pytest

from pipelines.wikitext import ENGLISH_WIKIPEDIA, extract_article
from pipelines.wikitext.data import read_table
from pipelines.wikitext.templates.language_formats import language_format, write_date_in
from pipelines.wikitext.templates.other_languages import find_renderer_on, template_kind_on
from pipelines.wikitext.templates.registry import TemplateCall, normalise_template_name


def extract(language, wikitext, title="Page"):
    return extract_article(
        wikitext, title=title, site=dataclasses.replace(ENGLISH_WIKIPEDIA, language=language)
    )


SHOWN = [
    ("fr", "la {{16e|compagnie}}, le {{XXIe}} anniversaire, {{1re}} et {{2d}}",
     "la 16e compagnie, le XXIe anniversaire, 1re et 2d"),
    ("fr", "la {{RFC|1122|titre=Requirements}}{{référence insuffisante|date=mai 2020}} et autres{{etc.}}"
     " {{retrait|1=<math>a</math>}}",
     "la RFC 1122 et autres, etc. a"),
    ("fr", "{{Langue du titre|en}}Il dit {{citation nécessaire|oui}}{{citation nécessaire}}.", "Il dit « oui »."),
    ("ru", "Пекин ({{китайский||北京|běijīng}}; {{китайский|東|东}}), {{нихонго-но-намаэ|Имя|名|на}}",
     "Пекин (кит. упр. 北京, пиньинь: běijīng; кит. трад. 東, упр. 东), Имя (яп. 名 на)"),
    ("fr", "dit {{pour qui ?}} {{attribution nécessaire|par les siens}}\n{{...}}", "dit par les siens"),
    ("de", "{{ENG}} und {{BRD}}, {{Zitat-sv|Hej}} {{\"-da|Nej}} {{Zitat-tr|Evet}}",
     "England und Bundesrepublik Deutschland, ”Hej” »Nej« “Evet”"),
    ("es", "el {{siglo|X||a}}, {{Siglo|IX||A}}; {{ac|300}} y {{dc|12}}, 5{{esd}}kg, {{EEUU}}",
     "el s. X, S. IX; 300 a. C. y 12 d. C., 5 kg, Estados Unidos"),
    ("ru", "озвучил {{nl|Имя|Фамилия}} ({{vgy|2005}}{{кем?}}{{что}}), {{D-l|Город|города}}{{Источник:Книга|1}}",
     "озвучил Имя Фамилия (2005), города"),
    ("ja", "曲（{{En|a ''song''}}）{{en}}{{Enlink|Song|a=on}}、{{lang-ro-short|cântec}}{{IPA-ro|x}}",
     "曲（a song）(英語)、ルーマニア語: cântec"),
    ("zh", "詩{{單雙書名號轉換|[[靜夜思]]}}三首{{rp|37}}{{Link-en|甲|A}}",
     "詩《靜夜思》三首甲"),
    ("zh", "{{convert|18|ft|m}}、{{convert|100|km2|sqmi}}、{{cvt|5|km|mi}}、{{convert|5|km|mi|abbr=on}}",
     "18英尺（5.5米）、100平方公里（39平方英里）、5 km (3.1 mi)、5 km (3.1 mi)"),
    ("ja", "{{Small2|小}}{{Fontsize|90%|字}}{{駅番号|red|A 1}}、{{End date|2001|5|3}}、{{Yen|500}}",
     "小字、2001年5月3日、¥500"),
    ("de", "{{Taste|Strg}} + {{Taste|C}}{{FNZ|1|x}} {{Anker|z}}", "Strg + C"),
    ("es", "{{corchetes|así}} {{circa|1500}}{{ancla|z}}", "[así] c. 1500"),
    ("ja", "{{convert|18|ft|m}}、{{convert|100|km2|sqmi}}", "18フィート (5.5 m)、100平方キロメートル (39 sq mi)"),
    ("sv", "ord {{vem?|alla}} {{när?}}slut", "ord alla slut"),
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
     "3 de mayo de 2001 XV siglo XV en inglés: x 3 km"),
    ("it", "a {{citazione necessaria|la frase|data}} b {{citazione necessaria}} 5 {{m s.l.m.}} {{TA|a b}}",
     "a la frase b 5 m s.l.m. a b"),
    ("pt", "{{dtlink|3|5|2001}} {{séc|XV}} {{japonês|Foo|甲|kou}}", "3 de maio de 2001 século XV Foo (甲, kou)"),
    ("ru", "{{дата|3|5|2001}} {{lang-en|x}} {{нп5|Имя|текст|en|X}} {{s|3 км}}", "3 мая 2001 англ. x текст 3 км"),
    ("ja", "{{読み仮名|東京|とうきょう}}は{{要出典範囲|文|date=2020}} {{lang-en|x}}", "東京（とうきょう）は文 英語: x"),
    ("zh", "{{lang-en|x}} {{tsl|en|A|乙}} {{bd|1900年|1月1日|1950年|2月2日}}",
     "英语：x 乙 （1900年1月1日－1950年2月2日）"),
    ("nl", "{{Datum|3|5|2001}} {{getal|1234}} {{lang-fr|x}}", "3 mei 2001 1.234 Frans: x"),
    ("pl", "{{data|3|5|2001}} {{j|en|x}} {{fakt|y}}", "3 maja 2001 x y"),
    ("fr", "{{Date|1er|janvier|537}}, {{Date||Octobre|1845|en sport}}, {{date|1|octobre|2005|dans les chemins de fer}},"
     " {{Date|25|mars}}, {{date-|avril 1970}}, {{date|2001-05-03}}, {{date|mai|2001}}",
     "1er janvier 537, Octobre 1845, 1er octobre 2005, 25 mars, avril 1970, 3 mai 2001, mai 2001"),
    ("fr", "{{1er mai}}, {{XXe siècle}}, {{IIe siècle av. J.-C.}}, {{Ier millénaire}}, {{s mini-|XV|e}}",
     "1er mai, XXe siècle, IIe siècle av. J.-C., Ier millénaire, XVe"),
    ("fr", "{{sp|VII|e|ou|VIII|e|}}, {{-sp-|IX|e|-|VII|e|s}}, {{s2|III|e|IX|e}}, {{-s2-|III|IX}}, {{s-|XX}}",
     "VIIe ou VIIIe siècle, IXe – VIIe siècles av. J.-C., IIIe et IXe siècles, IIIe et IXe siècles av. J.-C.,"
     " XXe siècle"),
    ("fr", "{{Unité|1234567,89}}, {{Unité|10000|km||h|-1}}, {{unité|1.5|e=15}}, {{unité|3|à|5|km}}, {{unité|-40.5|°C}},"
     " {{Unité|32 ou 64 bits}}",
     "1 234 567,89, 10 000 km⋅h−1, 1,5×10^15, 3 à 5 km, −40,5 °C, 32 ou 64 bits"),
    ("fr", "{{heure|22|55|00}} {{heure|8}} XX{{e}} {{Mme|de Maintenon}} {{p.|12}} {{en}}"
     " {{grec ancien|Ἀθῆναι|Athễnai}}",
     "22 h 55 min 00 s 8 h XXe Mme de Maintenon p. 12 (en) en grec ancien : Ἀθῆναι / Athễnai"),
    ("fr", "{{japonais|Tōdai-ji|東大寺||littéralement « Grand temple »}} "
     "{{lien|langue=en|fr=Nom|trad=Name}} {{fchim|H|2|O}}"
     " {{incise|ou non}} {{France}} {{chinois|c=北京|p=Běijīng}} {{lnobr|Page|mots}}",
     "Tōdai-ji (東大寺, littéralement « Grand temple ») Nom H2O – ou non – France"
     " chinois : 北京 ; pinyin : Běijīng mots"),
    ("de", "{{ruS|Москва|Moskwa}}; {{Höhe|1234|CH}}; {{§|1|BGB|juris}} BGB; {{Bibel|Mt|5|3}};"
     " {{DEU}}, {{SUI|#}}{{AUT}}",
     "russisch Москва Moskwa; 1.234 m ü. M.; § 1 BGB; Mt 5,3; Deutschland, Österreich"),
    ("de", "{{\" |Ja|Autor}} {{\"-en|Yes}} {{0}}5 {{zh|c=北京|p=Běijīng}} {{arF|كتاب}} {{Abk|z. B.|zum Beispiel}}",
     "„Ja“ – Autor “Yes” 5 chinesisch 北京, Pinyin Běijīng كتاب z. B."),
    ("es", "{{siglo|II|a|s}} {{Siglo|XIX||S}} {{ESP}} {{AC|300}} {{sic}} {{esd|3 km}} {{unidad|12345|km}} {{en}}",
     "siglo II a. C. Siglo XIX España 300 a. C. (sic) 3 km 12 345 km (en inglés)"),
    ("it", "{{russo|Москва|Moskva}} {{inglese|x}} {{ESP}} {{NazNB|CA|ITA}} 1{{sp}}km {{lang-de|y}}",
     "in russo: Москва, Moskva in inglese: x Spagna Italia 1 km in tedesco: y"),
    ("pt", "{{dtlink||5|2001}} {{PBPE|time|equipa}} {{BRA}} {{US$|12}} {{convert|100|km|mi}}",
     "maio de 2001 time (português brasileiro) ou equipa (português europeu) Brasil US$ 12 100 km (62 mi)"),
    ("ru", "{{СС3|13.05.1900}} {{OldStyleDate|13 мая|1900|30 апреля}} {{lang-la2|x}} {{date|3|5|2001}} {{США}}"
     " {{нихонго|Фудзияма|富士山|Фудзи-сан}} {{число|1234567}} {{iw|Имя||en|X}} {{км|5}} Р{{—}} {{Библия|Мф|5:3}}",
     "30 апреля (13 мая) 1900 30 апреля (13 мая) 1900 x 3 мая 2001 США Фудзияма (яп. 富士山 Фудзи-сан) 1 234 567"
     " Имя 5 км Р — Мф 5:3"),
    ("ru", "{{СС3|18.05.1900}} {{СС|06.01.1900}} {{СС3|весна 1900}}",
     "5 (18) мая 1900 25 декабря 1899 (6 января 1900) весна 1900"),
    ("pl", "{{lang|en}} {{ang.}} {{flaga|POL}}{{państwo|POL}} {{język|fr|mot}} {{siglum|Mt|5|3}}",
     "(ang.) (ang.) Polska mot Mt 5,3"),
    ("ja", "{{和暦|1950}}、{{和暦|1989}}、{{ルビ|漢字|かんじ}}、{{仮リンク|甲|en|A|label=乙}}、"
     "{{いつ範囲|文}}、{{JPN1947}}、{{lang-en-short|x}}、{{中文表記|轻轨}}、{{en icon}}、"
     "{{死亡年月日と没年齢|1920|5|2|1990|3|4}}、"
     "{{没年齢|1920|1|2|1990|3|4}}",
     "1950年（昭和25年）、1989年（平成元年）、漢字（かんじ）、乙、文、日本、"
     "英: x、中国語: 轻轨、(英語)、"
     "1990年3月4日（69歳没）、"
     "（70歳没）"),
    ("zh", "{{le|甲|A|乙}} {{link-ja|丙|B}} {{CHN}} {{as of|2010|5}} {{en icon}} {{tsl|en|C}} {{bd|1950年|1月1日}}",
     "乙 丙 中华人民共和国 截至2010年5月 （英文） C （1950年1月1日－）"),
    ("de", "{{DE-TH|#}}a {{DE-BY}} bei {{Coordinate|text=DMS|NS=48/41/59/N|EW=9/2/2/E}} {{Coordinate|NS=1/N|EW=2/E}}c",
     "a Bayern bei 48° 41′ 59″ N, 9° 2′ 2″ O c"),
    ("zh", "{{ill|en|甲|A}} {{illm|乙|en|B|lt=丙}} {{internal link helper|丁|D|lang-code=en}}", "甲 丙 丁"),
    ("pt", "{{ill|Nome|en|Name|lt=o nome}} {{Flag|BRA}}", "o nome Brasil"),
    ("it", "{{nihongo|''dōga eiga''|動画 映画,||film animato}} e {{nihongo||千代紙,|chiyogami}}",
     "dōga eiga (動画 映画, film animato) e chiyogami (千代紙)"),
    ("fr", "{{drapeau2|France}} [[France]] {{HMS|Victory}}", "France HMS Victory"),
    ("it", "{{M|700|-|°C}}, {{M|61.000||km/h}}, {{m|1,17|M|eV}}, {{M|21088}}, {{M|3986005|e=8|-|-}}, "
     "{{Exp|1,9|19}} anni, {{...}}", "700 °C, 61.000 km/h, 1,17 MeV, 21.088, 3.986.005×10^8, 1,9×10^19 anni, [...]"),
    ("it", "{{bandiera|Francia|nome}}: {{bandiera|Italia}}a, {{NazNB|CA|FRG}}", "Francia: a, Germania Ovest"),
    ("ru", "{{нет АИ|3|12|2010}}a {{уточнить|слова}} b", "a слова b"),
    ("fr", "{{siècle|xvi}} {{formatnum:1234}}", "XVIe siècle 1 234"),
    ("zh", "{{jpn|j=日本語|hg=にほんご|rm=nihongo}} {{kor|h=서울}}", "日语：日本語／にほんご nihongo 韩语：서울"),
    ("bg", "{{formatnum:12345.6}} {{#time:j F Y|2001-05-03}}", "12 345,6 3 май 2001"),
    ("sv", "(på {{lang-en|the house}}, {{langx|la|domus}})", "(på the house, domus)"),
    ("uk", "{{lang-pl|Lwów}} {{lang-de|Lemberg}}", "Lwów Lemberg"),
    ("de", "<q>Wort</q> und <q class='a'>zwei</q>", "„Wort“ und „zwei“"),
    ("fr", "le <q>mot</q>", "le «mot»"),
    ("ja", "<q>日本</q>です", "「日本」です"),
    ("sv", "<q>ord</q> {{lang|en|<q>one</q>}}", "”ord” ”one”"),
    ("xx", "<q>a</q>", '"a"'),
    ("he", "{{#time:j xg Y|2001-05-03}} {{formatnum:1234.5}}", "3 מאי 2001 1,234.5"),
    ("el", "{{#time:j xg Y|2001-05-03}}", "3 Μαΐου 2001"),
    ("nl", "{{BEL}} {{en}} {{Feit|zin}} {{convert|1000|km|mi}}", "België (en) zin 1.000 km (620 mi)"),
    ("de", "{{§|211|stgb|juris|text=§ 211 Absatz 2}} StGB, {{Art.|1|gg|juris}} GG, {{§§|bgb|juris|text=das BGB}}",
     "§ 211 Absatz 2 StGB, Art. 1 GG, das BGB"),
    ("de", "{{IAST|kṛṣṇa}} {{Koran|2|255}} {{CO2}} {{SortKey|a|b}}", "kṛṣṇa Sure 2, Vers 255 CO2 b"),
    ("fr", "{{FRA-d}}[[France]] {{heures|10}} {{durée|1|2|3}} {{n° avec majuscule|5}} {{CO2}} {{km²|5}}"
     " 3 {{m2}} {{etc.}}",
     "France 10 h 1 h 2 min 3 s No 5 CO2 5 km2 3 m2, etc."),
    ("fr", "{{unité/2|250|à=5000|habitants}} {{dunité|5|6|cm}} {{lang|langue=en|word}}",
     "250 à 5 000 habitants 5 × 6 cm word"),
    ("fr", "a {{DOI|10.1/2}} {{doi|10.1/2}}", "a doi:10.1/2 doi:10.1/2"),
    ("de", "a {{DOI|10.1/2}} {{FormatNum|1234567|de}}", "a doi:10.1/2 1.234.567"),
    ("es", "{{convertir|100|km|mi|0}} {{unidad|100|km}}", "100 km (62 mi) 100 km"),
    ("es", "H{{subíndice|2}}O {{ordinal|5}} {{euro|3}} {{sel|fútbol|ESP}}", "H2O 5.º 3 € España"),
    ("pt", "{{-séc|V}} {{n.º|5}} {{km2|3}} {{USD|4}} {{BRAb}}{{fb|BRA}} {{ling|en}} {{flag|Brasil}}",
     "século V a.C. n.º 5 3 km2 US$ 4 Brasil (em inglês) Brasil"),
    ("nl", "19{{e}} 5 {{km2}} {{euro|3}} {{breuk|1|2}}", "19e 5 km2 € 3 1⁄2"),
    ("pl", "a{{u|uwaga}} {{nts|5}} {{kolor|red|b}} {{km²|3}}", "a 5 b 3 km2"),
    ("ru", "{{СС|25|июля|1826 год|13}} {{OldStyleDate|13|мая|1900|30|апреля}} {{СС|2|января|1901|20|декабря|1900}}",
     "13 (25) июля 1826 года 30 апреля (13 мая) 1900 20 декабря 1900 (2 января 1901)"),
    ("ru", "{{Население|Пермь}} {{№|5}} {{bt-ruslat|Кошка|Felis}} {{кмч|9}}", "… № 5 Кошка (лат. Felis) 9 км/ч"),
    ("ja", "{{年月日|2000|1|2}} {{US$|5}} {{補足2|語|注}}{{音声|a.ogg}}", "2000年1月2日 US$5 語"),
    ("zh", "{{pinyin|a}} {{NT$|5}} {{人民币|3}} {{何时|句}}{{註|b}}", "a NT$5 ¥3 句"),
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
        ("東京（とうきょう、{{謎}}、{{謎2}}）は", "東京（とうきょう）は"),
        ("東京（{{謎}}、{{謎2}}）は", "東京は"),
        ("東京（{{謎}}・とうきょう）は", "東京（とうきょう）は"),
        ("甲、{{謎}}、乙、{{謎}}。", "甲、乙。"),
        ("東京（[[英語]]：{{謎}}、略称：A）", "東京（英語、略称：A）"),
        ("『{{謎}}』と《{{謎}}》と〔{{謎}}〕と“{{謎}}”", "ととと"),
        ("括弧「」は", "括弧「」は"),
    ],
)
def test_full_width_brackets_are_tidied_as_narrow_ones(wikitext, text):
    assert [paragraph.text for paragraph in extract("ja", wikitext).paragraphs] == [text]


@pytest.mark.parametrize(
    ("language", "wikitext", "lead"),
    [
        ("ja", "'''{{読み仮名_ruby不使用|東京都|とうきょうと|{{Lang-en-short|Tokyo}}}}'''は、日本の都。",
         "東京都（とうきょうと、英: Tokyo）は、日本の都。"),
        ("ja", "'''{{読み仮名|埼玉県}}'''は県。", "埼玉県は県。"),
        ("pt", "{{japonês|'''Naruto'''|ナルト}} é um mangá.", "Naruto (ナルト) é um mangá."),
        ("fr", "'''{{nobr|Kepler-186 f}}''' est une exoplanète.", "Kepler-186 f est une exoplanète."),
        ("ru", "{{нихонго|'''Наруто'''|ナルト}} — манга.", "Наруто (яп. ナルト) — манга."),
        ("zh", "'''IP核'''（{{lang-en|'''IP core'''}}）是部件。", "IP核（英语：IP core）是部件。"),
        ("de", "'''Rom''' ({{itS|Roma}}) ist eine Stadt.", "Rom (italienisch Roma) ist eine Stadt."),
    ],
)  # fmt: skip
def test_leads_keep_their_title(language, wikitext, lead):
    assert [paragraph.text for paragraph in extract(language, wikitext).paragraphs] == [lead]


def test_the_language_of_a_word_is_an_anchor_where_the_wiki_links_it():
    paragraph = extract("de", "Rom ({{itS|Roma}})").paragraphs[0]
    assert [(paragraph.text[a.start : a.end], a.title) for a in paragraph.anchors] == [
        ("italienisch", "Italienische_Sprache")
    ]


def test_ages_are_reckoned_against_the_dumps_date():
    site = dataclasses.replace(ENGLISH_WIKIPEDIA, language="ja", date=datetime.date(2020, 1, 1))
    article = extract_article("生誕は{{生年月日と年齢|1950|1|2}}。", title="Page", site=site)
    assert article.paragraphs[0].text == "生誕は1950年1月2日（69歳）。"


@pytest.mark.parametrize(
    ("language", "name"),
    [("de", "xxS"), ("fr", "lang-none"), ("ru", "lang-foo"), ("sv", "DEU"), ("de", "Deu")],
)
def test_a_family_holds_known_languages_and_countries_alone(language, name):
    assert find_renderer_on(language, normalise_template_name(name)) is None


@pytest.mark.parametrize(
    ("language", "wikitext", "text"),
    [
        ("de", "Rom („{{x}}“) ist", "Rom ist"),
        ("fr", "Rome (« {{x}} ») est", "Rome est"),
        ("ru", "Рим («{{x}}», {{y}}) — город", "Рим — город"),
        ("es", "Roma «{{x}}» es", "Roma es"),
        ("de", "das „Rom“{{x}} „Paris“ war", "das „Rom“ „Paris“ war"),
        ("fr", "les « » vides", "les « » vides"),
    ],
)
def test_quotation_marks_around_nothing_fall(language, wikitext, text):
    assert [paragraph.text for paragraph in extract(language, wikitext).paragraphs] == [text]


def test_short_items_in_scripts_without_spaces_are_told_by_their_characters():
    long = "東京都交通局が運営する地下鉄の路線であって、開業からすでに長い年月が経ったものであるという。"
    article = extract("ja", f"路線は次の通り：\n* 銀座線\n* 丸ノ内線\n* {long}")
    assert [paragraph.text for paragraph in article.paragraphs] == [
        "路線は次の通り：\n銀座線\n丸ノ内線",
        long,
    ]


def test_a_biography_keeps_its_lead_and_its_picture():
    bio = (
        "{{Bio|Nome=Ada|Cognome=Rossi|PostCognome=''detta'' Lia|Sesso=F|LuogoNascita=Roma|GiornoMeseNascita=3 maggio"
        "|AnnoNascita=1900|LuogoMorte=Milano|AnnoMorte=1950|Attività=pittrice|Attività2=poetessa|Nazionalità=italiana|Immagine=A.jpg}}"
    )
    article = extract("it", bio + "\nVisse a Roma.")
    assert article.paragraphs[0].text.startswith(
        "Ada Rossi detta Lia (Roma, 3 maggio 1900 – Milano, 1950) è stata una pittrice e poetessa italiana."
    )
    assert [image.file for image in article.images] == ["A.jpg"]


@pytest.mark.parametrize(
    ("language", "whole", "month", "day"),
    [
        ("en", "3 May 2001", "May 2001", "3 May"),
        ("ru", "3 мая 2001", "май 2001", "3 мая"),
        ("es", "3 de mayo de 2001", "mayo de 2001", "3 de mayo"),
        ("hu", "2001. május 3.", "2001. május", "május 3."),
        ("ja", "2001年5月3日", "2001年5月", "5月3日"),
        ("lt", "2001 m. gegužės 3 d.", "2001 m. gegužė", "gegužės 3 d."),
        ("sr", "3. мај 2001.", "мај 2001.", "3. мај"),
    ],
)
def test_parts_of_dates_are_written_as_the_language_does(language, whole, month, day):
    assert write_date_in(language, "3", "5", "2001") == whole
    assert write_date_in(language, "", "5", "2001") == month
    assert write_date_in(language, "3", "5", "") == day


@pytest.mark.parametrize("language", [row[0] for row in read_table("language_formats")])
def test_every_language_has_twelve_months(language):
    form = language_format(language)
    assert len(form.months) == len(form.date_months) == 12
    assert all(field in form.date for field in ("{d}", "{m}", "{y}"))


def test_unknown_templates_in_scripts_without_case_stand_alone_as_others_do():
    article = extract("ja", "{{東京の地下鉄|画像=A.jpg}}\n東京は{{謎の語}}都市。")
    assert article.dropped_templates == {"other": 1}
    assert article.unknown_templates == {"謎の語": 1}
    assert [image.file for image in article.images] == ["A.jpg"]


def test_a_country_is_told_by_its_code_alone_where_its_name_is_a_box():
    article = extract("zh", "{{香港}}\n香港是{{HKG}}。")
    assert [paragraph.text for paragraph in article.paragraphs] == ["香港是香港。"]
    assert article.dropped_templates == {"other": 1}


def test_templates_borrowed_with_their_english_names_are_told_everywhere():
    article = extract(
        "zh",
        "甲{{mp|1997 XF|11}}乙{{formatnum:{{Inflation|US|1|1945}}}}{{no footnotes|date=x}}{{模板:lang|en|c}}",
    )
    assert article.paragraphs[0].text == "甲1997 XF11乙…c"
    assert article.dropped_templates == {"maintenance": 1}
    verse = extract("zh", "甲\n{{Verse translation|lang=es|\nUno dos.\n|\n一二。\n}}\n乙")
    assert [paragraph.text for paragraph in verse.paragraphs] == ["甲", "Uno dos.", "一二。", "乙"]
    assert [paragraph.text for paragraph in extract("sv", "{{blockquote|Ett.}}").paragraphs] == ["Ett."]
    # One word may mean anything.
    assert extract("fr", "a {{details|b}} c").unknown_templates == {"details": 1}


@pytest.mark.parametrize("language", ["fr", "sv", "xx"])
def test_english_rules_hold_on_english_wikis_alone(language):
    article = extract(language, "a {{convert|3|km}} b {{flag|Germany}} c {{circa|1500}} d {{s-start}} e")
    assert set(article.unknown_templates) == {"circa", "s-start"}
    assert not article.dropped_templates
    # What was borrowed everywhere: units by their symbols, flags, symbols and signs.
    assert article.paragraphs[0].text.startswith("a 3 km (1")
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
        ("fr", "{{Titres homonymes}}\n* [[A]]"),
        ("es", "{{des}}\n* [[A]]"),
        ("pl", "{{Strona ujednoznaczniająca}}\n* [[A]]"),
        ("cs", "{{Rozcestník - příjmení}}\n* [[A]]"),
        ("ja", "{{学校名の曖昧さ回避}}\n* [[A]]"),
        ("zh", "{{人名消歧义}}\n* [[A]]"),
        ("ko", "{{동명이인}}\n* [[A]]"),
        ("uk", "{{DisambigN}}\n* [[A]]"),
        ("he", "{{פירושונים}}\n* [[A]]"),
        ("sr", "{{Вишезначна одредница}}\n* [[A]]"),
        ("nds-nl", "{{dv}}\n* [[A]]"),
        ("vi", "{{disambig}}\n* [[A]]"),
    ],
)
def test_disambiguation_pages_are_told_by_the_templates_of_the_language(language, wikitext):
    assert extract(language, wikitext).disambiguation
    assert not extract(language, "A page.").disambiguation


@pytest.mark.parametrize(
    ("language", "title", "told"),
    [
        ("de", "Bank (Begriffsklärung)", True),
        ("zh", "水星 (消歧義)", True),
        ("fr", "Mercure (homonymie)", True),
        ("fr", "Bank (disambiguation)", True),
        ("en", "Bank (Begriffsklärung)", False),
        ("de", "Homonymie", False),
    ],
)
def test_disambiguation_pages_are_told_by_the_titles_of_the_language(language, title, told):
    assert extract(language, "* [[A]]", title).disambiguation is told


@pytest.mark.parametrize(
    ("language", "wikitext"),
    [
        ("de", "{{Begriffsklärungshinweis}} A."),
        ("fr", "{{Voir homonymes|B}} A."),
        ("it", "{{Nota disambigua|x}} A."),
        ("ja", "{{Otheruses|x}} A."),
        ("fr", "Le {{sigle|SNCF|x}} A."),
    ],
)
def test_notes_that_lead_to_disambiguation_pages_tell_none(language, wikitext):
    assert not extract(language, wikitext).disambiguation


LANGUAGES = sorted({language for language, _, _ in read_table("templates_by_language")})


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_renderer_of_a_language_raises(language):
    site = dataclasses.replace(ENGLISH_WIKIPEDIA, language=language)
    for code, names, _ in read_table("templates_by_language"):
        if code != language:
            continue
        written = names.replace("@", "fr").replace("%", "x").replace("*", "x").replace("#", "12")
        for name in map(normalise_template_name, written.split("|")):
            if "%" in names and "x" in name:
                continue
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
