"""English names of languages by the codes that templates use (ISO 639-1, 639-3 and the wiki's own)."""

from __future__ import annotations

from functools import lru_cache

__all__ = ["is_language_code", "language_article", "language_name"]

_NAMES = """
aa Afar|aar Afar|ab Abkhaz|ace Acehnese|ach Acholi|acm Mesopotamian Arabic|ady Adyghe|ae Avestan|aeb Tunisian Arabic
af Afrikaans|afb Gulf Arabic|aii Assyrian Neo-Aramaic|ain Ainu|ajp South Levantine Arabic|ak Akan|akk Akkadian
ale Aleut|aln Gheg Albanian|als Tosk Albanian|alt Southern Altai|am Amharic|an Aragonese|ang Old English
apc North Levantine Arabic|apd Sudanese Arabic|apm Mescalero-Chiricahua|apw Western Apache|ar Arabic
arb Standard Arabic|arc Imperial Aramaic|arn Mapudungun|arp Arapaho|arq Algerian Arabic|ary Moroccan Arabic
arz Egyptian Arabic|as Assamese|ast Asturian|av Avar|avk Kotava|awa Awadhi|ay Aymara|ayl Libyan Arabic
ayn Sanʽani Arabic|az Azerbaijani|azb South Azerbaijani|ba Bashkir|bal Balochi|ban Balinese|bar Bavarian
bcl Central Bikol|be Belarusian|bem Bemba|ber Berber languages|bg Bulgarian|bho Bhojpuri|bi Bislama|bik Bikol
bjn Banjarese|bla Blackfoot|bm Bambara|bn Bengali|bo Lhasa Tibetan|bpy Bishnupriya Manipuri|br Breton|brx Boro
bs Bosnian|bua Buryat|bug Buginese|bxr Buryat|ca Catalan|cdo Eastern Min|ce Chechen|ceb Cebuano|cel-gaul Gaulish
ch Chamorro|chg Chagatai|chk Chuukese|chm Mari|chn Chinook Jargon|cho Choctaw|chr Cherokee|chy Cheyenne
cic Chickasaw|ckb Central Kurdish|cld Chaldean Neo-Aramaic|cmg Classical Mongolian|cmn Mandarin Chinese
cnr Montenegrin|cnx Middle Cornish|co Corsican|com Comanche|cop Coptic|cr Cree|crh Crimean Tatar|crk Plains Cree
cs Czech|csb Kashubian|csw Swampy Cree|ctg Chittagonian|cu Church Slavonic|cv Chuvash|cwd Woods Cree|cy Welsh
cz Czech|cze Czech|da Danish|dag Dagbani|dak Dakota|dar Dargwa|de German|de-at Austrian German
de-ch Swiss Standard German|din Dinka|diq Zazaki|dje Zarma|dlm Dalmatian|dng Dungan|doi Dogri|dsb Lower Sorbian
dsh Daasanach|dtd Ditidaht|dum Middle Dutch|dv Maldivian|dz Dzongkha|ee Ewe|egl Emilian|egy Ancient Egyptian
el Greek|ell Greek|elx Elamite|ems Alutiiq|en English|en-gb British English|en-us American English
enm Middle English|eo Esperanto|es Spanish|esu Central Alaskan Yup'ik|et Estonian|ett Etruscan|eu Basque|evn Evenki
ewe Ewe|ext Extremaduran|fa Persian|fa-af Dari|fan Fang|ff Fula|fi Finnish|fil Filipino|fj Fijian|fkv Kven
fo Faroese|fon Fon|fr French|frk Frankish|frm Middle French|fro Old French|frp Franco-Provençal|frr North Frisian
fur Friulian|fy West Frisian|ga Irish|gaa Ga|gag Gagauz|gan Gan Chinese|gd Scottish Gaelic|gem Germanic languages
gez Geʽez|gil Gilbertese|gkm Medieval Greek|gl Galician|gmh Middle High German|gml Middle Low German
gmq-osw Old Swedish|gn Guarani|goh Old High German|gom Konkani|got Gothic|gr Greek|grc Ancient Greek
grc-aeo Aeolic Greek|grc-att Attic Greek|grc-dor Doric Greek|grc-gre Greek|grc-ion Ionic Greek|grc-koi Koinē Greek
grc-x-aeolic Aeolic Greek|grc-x-attic Attic Greek|grc-x-biblical Biblical Greek|grc-x-byzant Byzantine Greek
grc-x-doric Doric Greek|grc-x-hellen Hellenistic Greek|grc-x-homeric Homeric Greek|grc-x-ionic Ionic Greek
grc-x-koine Koinē Greek|grc-x-medieval Medieval Greek|grk Greek|gsw Alemannic German|gu Gujarati|gv Manx
gwi Gwich'in|ha Hausa|hai Haida|hak Hakka Chinese|haw Hawaiian|hbo Biblical Hebrew|he Hebrew|hi Hindi|hif Fiji Hindi
hil Hiligaynon|hit Hittite|hmn Hmong|hne Chhattisgarhi|ho Hiri Motu|hoc Ho|hop Hopi|hr Croatian|hsb Upper Sorbian
ht Haitian Creole|hu Hungarian|hup Hupa|hur Halkomelem|hy Armenian|hye Armenian|hyw Western Armenian|hz Herero
ia Interlingua|iba Iban|id Indonesian|ie Interlingue|ig Igbo|ii Nuosu|ik Inupiaq|ilo Ilocano|imy Milyan|inh Ingush
io Ido|ipk Inupiaq|is Icelandic|it Italian|iu Inuktitut|iw Hebrew|ja Japanese|jam Jamaican Patois|jbo Lojban
jpa Jewish Palestinian Aramaic|jv Javanese|ka Georgian|kaa Karakalpak|kab Kabyle|kam Kamba|kaw Old Javanese
kbd Kabardian|kea Cape Verdean Creole|kek Qʼeqchiʼ|kfr Kutchi|kg Kongo|kha Khasi|ki Kikuyu|kio Kiowa|kj Kwanyama
kk Kazakh|kl Greenlandic|km Khmer|kmb Kimbundu|kmr Northern Kurdish|kn Kannada|ko Korean|koi Komi-Permyak
kok Konkani|krc Karachay-Balkar|kri Krio|krl Karelian|kru Kurukh|ks Kashmiri|ksf Bafia|ksh Kölsch|ku Kurdish
kum Kumyk|kv Komi|kw Cornish|kwk Kwakʼwala|ky Kyrgyz|la Latin|la-vul Vulgar Latin|la-x-late Late Latin
la-x-medieval Medieval Latin|la-x-new Neo-Latin|lad Judaeo-Spanish|lat-med Medieval Latin|lb Luxembourgish
lep Lepcha|lez Lezgian|lfn Lingua Franca Nova|lg Luganda|li Limburgish|lij Ligurian|liv Livonian|lkt Lakota
lmo Lombard|ln Lingala|lo Lao|lou Louisiana Creole|lrc Northern Luri|lt Lithuanian|ltc Middle Chinese|ltg Latgalian
lu Luba-Katanga|luo Luo|lus Mizo|lut Lushootseed|lv Latvian|lzh Literary Chinese|lzz Laz|mad Madurese|mag Magahi
mai Maithili|man Mandinka|mas Maasai|mdf Moksha|mfe Mauritian Creole|mg Malagasy|mga Middle Irish|mh Marshallese
mhr Meadow Mari|mi Māori|mic Mi'kmaq|min Minangkabau|mk Macedonian|ml Malayalam|mn Mongolian|mnc Manchu|mni Meitei
mo Moldovan|moh Mohawk|mos Mooré|mr Marathi|mrj Hill Mari|ms Malay|mt Maltese|mus Muscogee|mwl Mirandese|mwr Marwari
mxi Andalusi Arabic|my Burmese|myn Mayan|myv Erzya|myz Mandaic|mzn Mazanderani|na Nauruan|nah Nahuatl
nan Southern Min|nap Neapolitan|naq Khoekhoe|nb Norwegian Bokmål|nci Classical Nahuatl|nd Northern Ndebele
nds Low German|nds-nl Dutch Low Saxon|ne Nepali|new Newar|ng Ndonga|nhn Central Nahuatl|niu Niuean|nl Dutch
nl-be Flemish|nn Norwegian Nynorsk|no Norwegian|nog Nogai|non Old Norse|nov Novial|nqo N'Ko|nr Southern Ndebele
nrf Norman|nrm Norman|nso Northern Sotho|nuk Nuu-chah-nulth|nv Navajo|nwc Classical Newar|ny Chichewa|nys Noongar
obt Old Breton|oc Occitan|och Old Chinese|odt Old Dutch|ofs Old Frisian|oj Ojibwe|ojp Old Japanese|okm Middle Korean
om Oromo|oma Omaha-Ponca|one Oneida|ono Onondaga|ood O'odham|or Odia|orm Oromo|orv Old East Slavic|os Ossetian
osa Osage|osc Oscan|osp Old Spanish|osx Old Saxon|ota Ottoman Turkish|otk Old Turkic|ots Otomi|owl Old Welsh
pa Punjabi|pag Pangasinan|pal Middle Persian|pam Kapampangan|pap Papiamento|pau Palauan|paw Pawnee|pcd Picard
pcm Nigerian Pidgin|pdc Pennsylvania Dutch|pdt Plautdietsch|peo Old Persian|pfl Palatine German|pgl Primitive Irish
phn Phoenician|pi Pali|pih Pitcairn-Norfolk|pl Polish|pms Piedmontese|pnb Western Punjabi|pnt Pontic Greek
pot Potawatomi|pra Prakrit|prg Old Prussian|pro Old Occitan|prs Dari|ps Pashto|pt Portuguese
pt-br Brazilian Portuguese|qu Quechua|quc Kʼicheʼ|quz Cusco Quechua|raj Rajasthani|rap Rapa Nui
rar Cook Islands Māori|rgn Romagnol|rif Riffian|rkt Rangpuri|rm Romansh|rmy Vlax Romani|rn Kirundi|ro Romanian
roa Romance languages|rom Romani|ru Russian|rue Rusyn|ruo Istro-Romanian|rup Aromanian|ruq Megleno-Romanian
rus Russian|rw Kinyarwanda|ryu Okinawan|sa Sanskrit|sah Yakut|sam Samaritan Aramaic|sat Santali|sc Sardinian
scn Sicilian|sco Scots|sd Sindhi|sdc Sassarese|sdn Gallurese|se Northern Sami|see Seneca|sem Semitic languages
sg Sango|sga Old Irish|sgs Samogitian|sh Serbo-Croatian|shh Shoshoni|shi Shilha|shn Shan|shs Shuswap
shu Chadian Arabic|si Sinhala|sid Sidama|sip Sikkimese|sk Slovak|skr Saraiki|sl Slovene|sla Slavic languages
sm Samoan|sma Southern Sami|smj Lule Sami|smn Inari Sami|sms Skolt Sami|sn Shona|so Somali|sq Albanian|squ Squamish
sr Serbian|srn Sranan Tongo|srs Tsuutʼina|ss Swazi|st Sotho|stq Saterland Frisian|str Northern Straits Salish
su Sundanese|sux Sumerian|sv Swedish|sw Swahili|swb Comorian|sxu Upper Saxon|syc Classical Syriac|syl Sylheti
syr Syriac|szl Silesian|ta Tamil|tay Atayal|tcy Tulu|te Telugu|tet Tetum|tg Tajik|th Thai|ti Tigrinya|tig Tigre
tk Turkmen|tkl Tokelauan|tl Tagalog|tlh Klingon|tli Tlingit|tmr Jewish Babylonian Aramaic|tn Tswana|to Tongan
tok Toki Pona|tpi Tok Pisin|tr Turkish|tru Turoyo|ts Tsonga|tt Tatar|tum Tumbuka|tus Tuscarora|tvl Tuvaluan|tw Twi
txb Tocharian B|ty Tahitian|tyv Tuvan|tzl Talossan|tzm Central Atlas Tamazight|udm Udmurt|ug Uyghur|uga Ugaritic
uk Ukrainian|umb Umbundu|umu Munsee|unm Unami|unr Mundari|ur Urdu|ute Ute|uz Uzbek|ve Venda|vec Venetian|vep Veps
vi Vietnamese|vls West Flemish|vo Volapük|vot Votic|vro Võro|wa Walloon|wal Wolaytta|war Waray|wen Sorbian languages
win Ho-Chunk|wlm Middle Welsh|wo Wolof|wuu Wu Chinese|wym Wymysorys|xaa Andalusian Arabic|xal Kalmyk
xbm Middle Breton|xcl Classical Armenian|xcr Carian|xga Galatian|xh Xhosa|xhu Hurrian|xlc Lycian|xld Lydian
xlu Luwian|xmf Mingrelian|xno Anglo-Norman|xpi Pictish|xpu Punic|xtg Gaulish|xto Tocharian A|xum Umbrian
xur Urartian|xve Venetic|yi Yiddish|yo Yoruba|yua Yucatec Maya|yue Cantonese|yuf Havasupai-Walapai-Yavapai|za Zhuang
zea Zeelandic|zh Chinese|zh-hans simplified Chinese|zh-hant traditional Chinese|zh-tw Taiwanese Mandarin|zu Zulu
zun Zuni|zza Zaza
"""


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    pairs = (entry.split(" ", 1) for entry in _NAMES.strip().replace("\n", "|").split("|"))
    return dict(pairs)


_LONGEST_CODE = 40


def language_name(code: str) -> str | None:
    """Gives the English name of the language with the code `code` (``de``, ``grc-x-koine``, ``sr-Latn``)."""
    if len(code) > _LONGEST_CODE:
        return None
    code = code.strip().replace("_", "-").lower()
    names = _names()
    while code:
        if (name := names.get(code)) is not None:
            return name
        code = code.rpartition("-")[0]
    return None


def is_language_code(text: str) -> bool:
    """Tells whether `text` is the code of a known language."""
    return 2 <= len(text) <= 12 and text.islower() and language_name(text) is not None


# Names under which the article is not "... language".
_ARTICLES = {
    "American English": "American English",
    "Ancient Greek": "Ancient Greek",
    "Austrian German": "Austrian German",
    "Berber languages": "Berber languages",
    "Biblical Hebrew": "Biblical Hebrew",
    "Brazilian Portuguese": "Brazilian Portuguese",
    "British English": "British English",
    "Cantonese": "Cantonese",
    "Central Kurdish": "Sorani Kurdish",
    "Church Slavonic": "Church Slavonic",
    "Crimean Tatar": "Crimean Tatar language",
    "Dari": "Dari",
    "Doric Greek": "Doric Greek",
    "Egyptian Arabic": "Egyptian Arabic",
    "Esperanto": "Esperanto",
    "Gulf Arabic": "Gulf Arabic",
    "Haitian Creole": "Haitian Creole",
    "Ido": "Ido",
    "Interlingua": "Interlingua",
    "Koinē Greek": "Koine Greek",
    "Late Latin": "Late Latin",
    "Latin": "Latin",
    "Literary Chinese": "Literary Chinese",
    "Lojban": "Lojban",
    "Mandarin Chinese": "Mandarin Chinese",
    "Medieval Greek": "Medieval Greek",
    "Medieval Latin": "Medieval Latin",
    "Middle English": "Middle English",
    "Middle High German": "Middle High German",
    "Middle Persian": "Middle Persian",
    "Moroccan Arabic": "Moroccan Arabic",
    "Neo-Latin": "Neo-Latin",
    "Old English": "Old English",
    "Old French": "Old French",
    "Old High German": "Old High German",
    "Old Irish": "Old Irish",
    "Old Norse": "Old Norse",
    "Old Persian": "Old Persian",
    "Papiamento": "Papiamento",
    "Romance languages": "Romance languages",
    "Sanskrit": "Sanskrit",
    "Serbo-Croatian": "Serbo-Croatian",
    "Southern Min": "Southern Min",
    "Standard Arabic": "Standard Arabic",
    "Vulgar Latin": "Vulgar Latin",
    "simplified Chinese": "Simplified Chinese characters",
    "traditional Chinese": "Traditional Chinese characters",
}


def language_article(name: str) -> str:
    """Gives the title of the article about the language called `name`: ``German`` -> ``German language``."""
    if name.endswith(("languages", "Arabic", "Creole", "Neo-Aramaic")):
        return name
    return _ARTICLES.get(name, f"{name} language")
