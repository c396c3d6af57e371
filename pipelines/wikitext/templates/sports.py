"""Seasons, teams and events of sports."""

from __future__ import annotations

from pipelines.wikitext.data import read_table
from pipelines.wikitext.templates.markup import link
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []


def _register_seasons() -> None:
    for name, years, title in read_table("seasons"):

        def season_of_year(call: TemplateCall, title: str = title) -> str | None:
            """``{{mlby|1990}}`` -> ``[[1990 Major League Baseball season|1990]]``."""
            year = call.get("1", "year")
            return link(f"{year} {title}", call.get("2", default=year)) if year else None

        def season_of_years(call: TemplateCall, title: str = title) -> str | None:
            """``{{nhly|1995}}`` -> ``[[1995–96 NHL season|1995–96]]``."""
            year = call.get("1", "year")
            if len(year) != 4 or not year.isdecimal():
                return None
            years = "1999–2000" if year == "1999" else f"{year}–{(int(year) + 1) % 100:02}"
            return link(f"{years} {title}", years)

        template(name)(season_of_year if years == "1" else season_of_years)


_register_seasons()


@template("NFL playoff year")
def playoffs(call: TemplateCall) -> str | None:
    """``{{NFL playoff year|1999}}`` -> ``[[1999–2000 NFL playoffs|1999]]``."""
    year = call.get("1")
    if len(year) != 4 or not year.isdecimal():
        return None
    following = "2000" if year == "1999" else f"{(int(year) + 1) % 100:02}"
    return link(f"{year}–{following} NFL playoffs", year)


# Templates that link a team's season: name -> what follows the team in the title.
_TEAMS = {
    "cfb link": "football team",
    "cbb link": "men's basketball team",
    "wcbb link": "women's basketball team",
    "cbsb link": "baseball team",
    "scfb link": "football team",
}


def _register_teams() -> None:
    for name, kind in _TEAMS.items():

        @template(name)
        def season_of_team(call: TemplateCall, kind: str = kind) -> str | None:
            """``{{cfb link|year=2010|team=Auburn Tigers|title=champions}}`` -> the season, linked."""
            year, team = call.get("year", "1"), call.get("team", "2")
            if not year or not team:
                return None
            return link(f"{year} {team} {kind}", call.get("title", default=f"{year} {team} {kind}"))


_register_teams()


@template("Escyr", "ESCYear", "Esc year")
def song_contest(call: TemplateCall) -> str | None:
    """``{{Escyr|2005}}`` -> ``[[Eurovision Song Contest 2005|2005]]``."""
    year = call.get("1")
    return link(f"Eurovision Song Contest {year}", call.get("2", default=year)) if year else None


@template("Esccnty", "Esccountry")
def country_in_song_contest(call: TemplateCall) -> str | None:
    """``{{Esccnty|Sweden|2006}}`` -> ``[[Sweden in the Eurovision Song Contest 2006|Sweden]]``."""
    country, year = call.get("1"), call.get("2")
    if not country:
        return None
    contest = "Eurovision Song Contest"
    return link(f"{country} in the {contest} {year}".rstrip(), call.get("3", default=country))


@template(
    "goal",
    "goals scored",
    "og",
    "pengoal",
    "yel",
    "ycard",
    "rcard",
    "sent off",
    "subon",
    "suboff",
    "penmiss",
    "yellow card",
    "red card",
    "sin bin",
)
@template(
    "gold medal",
    "silver medal",
    "bronze medal",
    "gold1",
    "silver2",
    "bronze3",
    "gold01",
    "silver02",
    "bronze03",
)
@template("captain", "med", "gold", "silver", "bronze")
def event(call: TemplateCall) -> str:
    """``{{goal|45}}`` -> ``45'``: the minutes; medals and cards without words say nothing."""
    arguments = call.positional()
    if call.name == "sent off":
        # The first tells how many yellow cards there were.
        arguments = arguments[1:]
    shown: list[str] = []
    for argument in arguments:
        if argument and argument[0].isdecimal():
            shown.append(f"{argument}'")
        elif argument and shown and call.name in ("goal", "goals scored", "og"):
            shown[-1] += f" ({argument})"
    return ", ".join(shown)
