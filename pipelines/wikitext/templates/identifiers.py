"""Numbers that name a book, a paper, a standard or a patent."""

from __future__ import annotations

from pipelines.wikitext.data import read_table
from pipelines.wikitext.templates.markup import italic, link, plain
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []


def _register() -> None:
    for names, label, space in read_table("identifiers"):

        @template(*names.split("|"))
        def identifier(call: TemplateCall, label: str = label, space: str = space) -> str | None:
            """``{{ISBN|0-12-185860-X}}`` -> ``ISBN 0-12-185860-X``; several are joined by commas."""
            numbers = [number for number in call.positional() if number]
            if not numbers:
                return None
            gap = "" if space == "no" else " "
            return f"{label}{gap}{', '.join(numbers)}".strip()


_register()


@template("OEIS", "OEIS2C", "OEIS link", "oeis")
def integer_sequence(call: TemplateCall) -> str | None:
    """``{{OEIS|A000045}}`` -> ``(sequence A000045 in the [[..|OEIS]])``; `OEIS2C` has ``OEIS: A000045`` alone."""
    number = call.get("1", "id")
    if not number:
        return None
    number = number if number[0] in "Aa" else f"A{number}"
    encyclopedia = link("On-Line Encyclopedia of Integer Sequences", "OEIS")
    if call.is_called("OEIS link"):
        return number
    return (
        f"{encyclopedia}: {number}"
        if call.is_called("OEIS2C")
        else f"(sequence {number} in the {encyclopedia})"
    )


@template("gbmapping", "gbmappingsmall", "oscoor", "gridref", "OS grid reference", "iem4ibx", "nzgrid")
def grid_reference(call: TemplateCall) -> str | None:
    """``{{gbmapping|SU123456}}`` -> ``SU123456``; `oscoor` has what is shown in its second place."""
    return call.get("2", "1") if call.name == "oscoor" else call.get("1") or None


@template("US patent", "USPatent")
def us_patent(call: TemplateCall) -> str | None:
    """``{{US patent|1781541}}`` -> ``U.S. patent 1,781,541``."""
    number = call.get("1").replace(",", "")
    if not number:
        return None
    shown = (
        f"{int(number):,}" if number.isascii() and number.isdecimal() and len(number) < 12 else call.get("1")
    )
    return call.get("2", default=f"U.S. patent {shown}")


@template("US patent application", "US Patent Application")
def us_patent_application(call: TemplateCall) -> str | None:
    """``{{US patent application|20050000001}}`` -> ``U.S. patent application 20050000001``."""
    number = call.get("1")
    return call.get("2", default=f"U.S. patent application {number}") if number else None


@template("patent", "patent link")
def patent(call: TemplateCall) -> str | None:
    """``{{patent|EP|123456}}`` -> ``EP 123456``."""
    words = [word for word in call.positional()[:2] if word]
    return call.get("3") or " ".join(words) or None


_EPC = {
    "EPC Article": "Article {} EPC",
    "EPC 1973 Article": "Article {} EPC 1973",
    "EPC Rule": "Rule {} EPC",
    "EPC 1973 Rule": "Rule {} EPC 1973",
    "PCT Article": "Article {} PCT",
    "PCT Rule": "Rule {} PCT",
    "Paris Convention Article": "Article {} Paris Convention",
}


def _register_conventions() -> None:
    for name, form in _EPC.items():

        @template(name)
        def provision(call: TemplateCall, form: str = form) -> str | None:
            """``{{EPC Rule|47}}`` -> ``Rule 47 EPC``; further numbers are its paragraphs: ``Rule 47(1)``."""
            first, *paragraphs = [argument for argument in call.positional() if argument] or [""]
            return form.format(first + "".join(f"({part})" for part in paragraphs)) if first else None


_register_conventions()


@template("USC", "usc", "USCSub", "USCSub2", "United States Code", "UnitedStatesCode", "USCSub3")
def united_states_code(call: TemplateCall) -> str | None:
    """``{{USC|18|3553|a}}`` -> ``[[Title 18 of the United States Code|18 U.S.C.]] § 3553(a)``."""
    title, section, *rest = [*call.positional(), "", ""]
    parts = "".join(f"({part})" for part in rest if part)
    code = link(f"Title {title} of the United States Code", f"{title} U.S.C.")
    return f"{code} § {section}{parts}" if title and section else None


@template("USCFR", "CFR", "CodeFedReg")
def federal_regulations(call: TemplateCall) -> str | None:
    """``{{CodeFedReg|21|50|3}}`` -> ``21 C.F.R. § 50.3``."""
    title, part, section = [*call.positional(), "", "", ""][:3]
    return f"{title} C.F.R. § {part}{'.' + section if section else ''}" if title and part else None


@template("USStat", "usstat", "UsStat")
def statutes_at_large(call: TemplateCall) -> str | None:
    """``{{USStat|50|664}}`` -> ``50 [[United States Statutes at Large|Stat.]] 664``."""
    volume, page = call.get("1"), call.get("2")
    return f"{volume} {link('United States Statutes at Large', 'Stat.')} {page}" if volume and page else None


@template("USPL", "USPublicLaw", "UsPL")
def public_law(call: TemplateCall) -> str | None:
    """``{{USPL|111|148}}`` -> ``Pub. L. 111–148``."""
    congress, number = call.get("1"), call.get("2")
    return f"Pub. L. {congress}–{number}" if congress and number else None


@template("ussc", "USSC", "UsBill", "USBill", "scite")
def supreme_court(call: TemplateCall) -> str | None:
    """``{{ussc|410|113|1973}}`` -> ``410 [[United States Reports|U.S.]] 113 (1973)``, behind a name that is given."""
    if call.is_called("UsBill", "USBill"):
        return f"{call.get('2')} {call.get('3')}".strip() or None
    volume, page = call.get("volume", "1"), call.get("page", "2")
    year, name = call.get("year", "3"), call.get("name", "litigants")
    if not volume or not page:
        return None
    reports = link("United States Reports", "U.S.")
    text = f"{volume} {reports} {page}" + (f" ({year})" if year else "")
    return f"{name if '[' in name else link(plain(name), italic(name))}, {text}" if name else text


@template("bibleverse", "bibleref", "bibleref2", "bible verse", "bibleref2c", "bibleref2-nb", "tanakhverse")
@template("bibleverse-nb", "bibleref-nb", "bibleref2c-nb", "bibleverse-lb", "bible chapter")
def bible_verse(call: TemplateCall) -> str | None:
    """``{{bibleverse||Exodus|21:22}}`` -> ``Exodus 21:22``; `-nb` forms leave the book out."""
    arguments = call.positional()
    if call.name.startswith(("bibleref", "bible chapter")) or len(arguments) < 3:
        book, verse = [*[argument for argument in arguments if argument], "", ""][:2]
    else:
        number, book, verse = arguments[:3]
        if len(arguments) > 4 and arguments[4]:
            return arguments[4]
        book = f"{number} {book}".strip()
    if "-nb" in call.name:
        return verse or None
    return f"{book} {verse}".strip().replace("-", "–") or None


@template("qref", "quran", "quran-usc", "qur'an-usc", "quran-usc-range", "quran verse", "qur'an")
def quran(call: TemplateCall) -> str | None:
    """``{{qref|2|255}}`` -> ``Quran 2:255``."""
    chapter, verse = call.get("1"), call.get("2")
    if not chapter:
        return None
    return f"Quran {chapter}:{verse}" if verse else f"Quran {chapter}"


_COLLECTIONS = {
    "bukhari": "Sahih al-Bukhari",
    "muslim": "Sahih Muslim",
    "abudawud": "Sunan Abu Dawood",
    "tirmidhi": "Jami' at-Tirmidhi",
    "nasai": "Sunan an-Nasa'i",
    "ibnmajah": "Sunan Ibn Majah",
    "muwatta": "Muwatta Imam Malik",
}


@template("hadith", "hadith-usc", "hadith-url")
def hadith(call: TemplateCall) -> str | None:
    """``{{hadith-usc|Bukhari|1|2|3}}`` -> ``[[Sahih al-Bukhari]], 1:2:3``."""
    collection, *numbers = [argument for argument in call.positional() if argument] or [""]
    if not collection:
        return None
    title = _COLLECTIONS.get(plain(collection).lower().replace(" ", "").replace("-", "").removesuffix("usc"))
    return ", ".join(filter(None, (link(title) if title else collection, ":".join(numbers[:3]))))


@template("lds", "LDS")
def latter_day_saints(call: TemplateCall) -> str | None:
    """``{{lds|1 Nephi|1_ne|3|7}}`` -> ``1 Nephi 3:7``."""
    book, _, chapter, verse = [*call.positional(), "", "", "", ""][:4]
    return f"{book} {':'.join(filter(None, (chapter, verse)))}".strip() or None


@template("Federal Register", "USFR", "fedreg")
def federal_register(call: TemplateCall) -> str | None:
    """``{{Federal Register|60|1234}}`` -> ``60 FR 1234``."""
    volume, page = call.get("1"), call.get("2")
    return f"{volume} FR {page}" if volume and page else None


@template("CVE")
def vulnerability(call: TemplateCall) -> str | None:
    """``{{CVE|2014-0160}}`` -> ``CVE-2014-0160``."""
    number = call.get("1").upper().removeprefix("CVE-")
    return f"CVE-{number}" if number else None


@template("Executive Order", "EO", "ExecutiveOrder")
def executive_order(call: TemplateCall) -> str | None:
    """``{{Executive Order|9066}}`` -> ``[[Executive Order 9066]]``."""
    number = call.get("1")
    return link(f"Executive Order {number}") if number else None


@template("UNSC resolution", "UNSCR", "UN Security Council Resolution")
def security_council_resolution(call: TemplateCall) -> str | None:
    """``{{UNSC resolution|242}}`` -> ``[[United Nations Security Council Resolution 242|... Resolution 242]]``."""
    number = call.get("1")
    article = f"United Nations Security Council Resolution {number}"
    return link(article, call.get("2", default=article)) if number else None
