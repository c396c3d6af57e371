"""The console command ``kc``: every command of the project as a verb, in the order of use.

::

    kc build-text --dump enwiki.xml.bz2
    kc search "Alan Turing worked at Bletchley"
    kc completion bash > ~/.local/share/bash-completion/completions/kc
"""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

from kc_schema.command import Command, print_error

__all__ = ["VERBS", "Verb", "completion", "load_command", "main"]


@dataclass(frozen=True)
class Verb:
    """One line of the list of verbs."""

    module: str
    """Module whose ``main`` is the `Command`."""
    summary: str
    """The same as the command's; it stands here, too, so that the list needs no import of any command."""


VERBS: dict[str, Verb] = {
    "demo": Verb("pipelines.demo", "Build the corpus of 106 real Wikipedia articles and search it."),
    "download": Verb("pipelines.download_dump", "Fetch the newest complete dump of a wiki."),
    "build-text": Verb("pipelines.build_text_kc", "Build the text corpus from a Wikipedia dump."),
    "index": Verb("pipelines.index_text", "Index the sentences of a text corpus for search."),
    "verify": Verb(
        "kc_schema.verify", "Check a corpus, a cache or a run: checksums, ids, anchors, tables that fit."
    ),
    "refresh": Verb("pipelines.refresh", "Bring a corpus up to date with the newest dump."),
    "diff": Verb("pipelines.report_changes", "Say what changed from one snapshot to another."),
    "entities": Verb("pipelines.build_entities", "Make the entities of a text corpus and their names."),
    "types": Verb("pipelines.extract_types", "Make a table of what items are from a dump of Wikidata."),
    "build-images": Verb("pipelines.build_image_kc", "Build the image corpus of a text corpus."),
    "attribution": Verb(
        "pipelines.write_attribution",
        "Write whom a corpus owes what: sources and licences of texts and pictures.",
    ),
    "search": Verb("pipelines.search", "Search a corpus by a sentence, an image or a name."),
    "serve": Verb("pipelines.serve", "Answer questions to a corpus over HTTP."),
    "describe": Verb("pipelines.describe_dataset", "Describe a data set before evidence is sought for it."),
    "evidence": Verb("pipelines.build_retrieval_cache", "Find the evidence for every example of a data set."),
    "explore": Verb("pipelines.explore", "Look at a corpus, a cache and a run in a browser."),
    "report": Verb("pipelines.report", "Write the report of a snapshot or of a retrieval cache as a page."),
    "show": Verb("kc_schema.show", "Show examples of a retrieval cache with their evidence."),
    "export": Verb("kc_schema.export", "Write a retrieval cache in another project's format."),
    "demo-training": Verb("training.demo", "Train experts and their mixture on planted data."),
    "train": Verb("training.run", "Fit experts and mixtures on a retrieval cache."),
    "train-report": Verb("training.report", "Write the report of a run again."),
    "predict": Verb("training.predict", "Label examples with a mixture of a run."),
}
_WIDTH = max(map(len, VERBS)) + 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``kc VERB ...``; without a verb print the list. Returns the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        print(_overview())
        return 0
    if arguments == ["--version"]:
        print(version("entity-knowledge-corpus"))
        return 0
    verb, *rest = arguments
    if verb == "completion":
        return _print_completion(rest)
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, [*VERBS, "completion"], 1)
        hint = f"; did you mean kc {near[0]}?" if near else ""
        print_error(f"{verb}: there is no such verb{hint}; kc --help lists them")
        return 2
    return load_command(verb)(rest, called=f"kc {verb}")


def load_command(verb: str) -> Command:
    """Import the command of a verb."""
    command = importlib.import_module(VERBS[verb].module).main
    assert isinstance(command, Command)
    return command


def completion(shell: Literal["bash", "zsh", "fish"]) -> str:
    """Return the script that lets a shell complete verbs and options."""
    from cyclopts import App

    app = App(name="kc", version_flags=[])
    for verb in VERBS:
        app.command(load_command(verb).app(verb))
    return app.generate_completion(prog_name="kc", shell=shell)


def _print_completion(arguments: list[str]) -> int:
    shells: tuple[Literal["bash", "zsh", "fish"], ...] = ("bash", "zsh", "fish")
    chosen = [shell for shell in shells if [shell] == arguments]
    if not chosen:
        print_error(f"kc completion: give the shell, one of {', '.join(shells)}")
        return 2
    print(completion(chosen[0]))
    return 0


def _overview() -> str:
    lines = ["Usage: kc VERB [OPTIONS]; kc VERB --help shows its options", ""]
    lines += [f"  {name:{_WIDTH}}{verb.summary}" for name, verb in VERBS.items()]
    lines += [f"  {'completion':{_WIDTH}}Print the completion script for bash, zsh or fish."]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
