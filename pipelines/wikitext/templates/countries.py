"""Flags: the country's name stays, the picture goes."""

from __future__ import annotations

from functools import cache

from pipelines.wikitext.data import read_pairs, read_table
from pipelines.wikitext.templates.markup import link
from pipelines.wikitext.templates.registry import TemplateCall, template, template_family

__all__: list[str] = []


@cache
def _country_names() -> dict[str, str]:
    return read_pairs("countries")


def country_name(code: str) -> str:
    """Return the name for a code, or `code` itself, which is then taken for a name."""
    return _country_names().get(code, code)


def _shown(name: str) -> str:
    return name.removesuffix(" (country)")


@template("flag", "flag2", "flag country", "flagcountry", "flagc", "flaglist", "flaglink", "flagg")
def flag(call: TemplateCall) -> str | None:
    """``{{flagcountry|DEU}}`` -> ``[[Germany]]``, ``{{flag|DEU}}`` -> ``[[Germany|DEU]]``; ``name=`` shows another."""
    code = call.get("1")
    if not code or "[" in code:
        return code or None
    name = country_name(code)
    return link(name, call.get("name", default=code if call.name == "flag" else _shown(name)))


@template("flagu", "noflag", "flagcu")
def flag_without_link(call: TemplateCall) -> str:
    """``{{flagu|DEU}}`` -> ``Germany``."""
    return call.get("name", default=_shown(country_name(call.get("1"))))


@template("flagicon", "flagdeco", "flag icon")
@template("fbicon", "cricon")
@template_family("flagicon", "flagdeco")
def flag_icon(_call: TemplateCall) -> str:
    """``{{flagicon|Japan}}`` -> nothing."""
    return ""


@cache
def _armed_forces() -> dict[str, dict[str, str]]:
    """Return the armed forces of each country by the names of the templates that show them."""
    services = ("army", "navy", "air force", "military")
    return {row[0]: dict(zip(services, row[1:], strict=True)) for row in read_table("armed_forces")}


@template("army", "navy", "air force", "military")
def armed_forces(call: TemplateCall) -> str | None:
    """``{{navy|UK}}`` -> ``[[Royal Navy]]``; of countries that are not known the name with the word."""
    code = call.get("1")
    if not code:
        return None
    country = country_name(code)
    title = _armed_forces().get(_shown(country), {}).get(call.name)
    if not title:
        title = f"{_shown(country)} {'Armed Forces' if call.name == 'military' else call.name.title()}"
    return link(title, call.get("name", default=title.removesuffix(" (Ireland)")))


def _register_codes() -> None:
    for code in [*(code for code in _country_names() if len(code) > 2), "UK"]:

        @template(code)
        def country(call: TemplateCall, code: str = code) -> str:
            """``{{GRL}}`` -> ``[[Greenland]]``."""
            name = country_name(code)
            return link(name, call.get("name", default=_shown(name)))


_register_codes()


@template("coat of arms", "coatofarms")
def coat_of_arms(call: TemplateCall) -> str | None:
    """``{{coat of arms|Aargau}}`` -> ``[[Aargau]]``: the name beside the arms."""
    name = call.get("1")
    return link(name, call.get("name", default=_shown(name))) if name else None


def _register_teams() -> None:
    for name, team in read_table("national_teams"):

        @template(name)
        def national_team(call: TemplateCall, team: str = team) -> str | None:
            """``{{fb|GER}}`` -> ``[[Germany national football team|Germany]]``; an age may stand in front."""
            first, second = call.get("1"), call.get("2")
            code = second if "{}" in team else first
            if not code:
                return None
            country = _shown(country_name(code))
            return link(f"{country} {team.format(first)}", call.get("name", default=country))


_register_teams()


@template("nftu")
def youth_team(call: TemplateCall) -> str | None:
    """``{{nftu|17|FRA}}`` -> ``[[France national under-17 football team|France U17]]``."""
    age, code = call.get("1"), call.get("2")
    if not age or not code:
        return None
    country = _shown(country_name(code))
    return link(f"{country} national under-{age} football team", f"{country} U{age}")


@template("FlagIOC", "flagioc", "FlagIOC2", "FlagIOCteam", "FlagCGF", "FlagPASO", "FlagIPC", "flagoc")
def flag_at_games(call: TemplateCall) -> str | None:
    """``{{flagIOC|GBR|2012 Summer}}`` -> ``[[Great Britain at the 2012 Summer Olympics|Great Britain]]``."""
    code, games = call.get("1"), call.get("2")
    if not code:
        return None
    name = "Great Britain" if code == "GBR" else _shown(country_name(code))
    if call.name.lower() != "flagioc" or not games:
        return name
    return link(f"{name} at the {games} Olympics", name)


@template(
    "flagathlete",
    "FlagIOCathlete",
    "FlagIOCmedalist",
    "flagmedalist",
    "FlagCGFathlete",
    "FlagIPCathlete",
    "sportsperson",
)
def flag_with_athlete(call: TemplateCall) -> str:
    """``{{flagathlete|[[Ada]]|GBR}}`` -> ``[[Ada]] (GBR)``."""
    name, code = call.get("1"), call.get("2")
    return f"{name} ({code})" if code else name
