"""Seasons, teams and events of sports."""

from __future__ import annotations

from pipelines.wikitext.templates.markup import link
from pipelines.wikitext.templates.registry import TemplateCall, template

__all__: list[str] = []

# Templates that link a year to a season: what follows the year in the article's title.
_SEASONS = {
    "baseball year": "Major League Baseball season",
    "by": "in baseball",
    "mlby": "Major League Baseball season",
    "mLB year": "Major League Baseball season",
    "nfly": "NFL season",
    "nFL year": "NFL season",
    "cfly": "CFL season",
    "cFL year": "CFL season",
    "mlsy": "Major League Soccer season",
    "mLS year": "Major League Soccer season",
    "wnbay": "WNBA season",
    "wsy": "World Series",
    "wSY": "World Series",
    "mlbasgy": "Major League Baseball All-Star Game",
    "mLB All-Star Year": "Major League Baseball All-Star Game",
    "indy500": "Indianapolis 500",
    "f1": "Formula One World Championship",
    "aldsy": "American League Division Series",
    "aLDS year": "American League Division Series",
    "nldsy": "National League Division Series",
    "nLDS year": "National League Division Series",
    "alcsy": "American League Championship Series",
    "nlcsy": "National League Championship Series",
    "alwcy": "American League Wild Card Game",
    "nlwcy": "National League Wild Card Game",
    "mlbdy": "Major League Baseball draft",
    "nfld": "NFL draft",
    "nFL draft year": "NFL draft",
    "nbad": "NBA draft",
    "nhld": "NHL entry draft",
    "mlsd": "MLS SuperDraft",
    "wnbad": "WNBA draft",
    "cfld": "CFL draft",
    "aflgf": "AFL Grand Final",
    "nwsly": "National Women's Soccer League season",
    "cwsy": "College World Series",
    "mLB season": "Major League Baseball season",
}


def _register_seasons() -> None:
    for name, season in _SEASONS.items():

        @template(name)
        def season_of_year(call: TemplateCall, season: str = season) -> str | None:
            """``{{mlby|1990}}`` -> ``[[1990 Major League Baseball season|1990]]``."""
            year = call.get("1", "year")
            return link(f"{year} {season}", call.get("2", default=year)) if year else None


_register_seasons()

# Templates that link two calendar years to a season.
_WINTER_SEASONS = {
    "nhly": "NHL season",
    "nHL Year": "NHL season",
    "nbay": "NBA season",
    "nBA Year": "NBA season",
    "nBA year": "NBA season",
    "nHL year": "NHL season",
    "ahly": "AHL season",
    "echly": "ECHL season",
    "khly": "KHL season",
    "pbay": "PBA season",
}


def _register_winter_seasons() -> None:
    for name, season in _WINTER_SEASONS.items():

        @template(name)
        def season_of_years(call: TemplateCall, season: str = season) -> str | None:
            """``{{nhly|1995}}`` -> ``[[1995–96 NHL season|1995–96]]``."""
            year = call.get("1", "year")
            if len(year) != 4 or not year.isdecimal():
                return None
            years = "1999–2000" if year == "1999" else f"{year}–{(int(year) + 1) % 100:02}"
            return link(f"{years} {season}", years)


_register_winter_seasons()

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
    minutes = [argument for argument in call.positional() if argument and argument[0].isdecimal()]
    return ", ".join(f"{minute}'" for minute in minutes)
