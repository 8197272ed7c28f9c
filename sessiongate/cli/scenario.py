"""`sessiongate scenario`: all rules of a scenario, at a server that `dev` runs."""

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from sessiongate.cli.control_client import ask
from sessiongate.cli.options import ConfigOption, DataDirOption, OutputOption, settings
from sessiongate.cli.output import Exit, Output, fail, show_rows
from sessiongate.errors import ConfigError
from sessiongate.faults.reader import read_rule
from sessiongate.faults.scenarios import SCENARIOS, RuleFacts, rules_in, scenario_of
from sessiongate.files import read_named
from sessiongate.rules.toml_errors import place_in_toml


def rules_of(named: str) -> tuple[RuleFacts, ...]:
    """The rules of a scenario of this name, or in the file (TOML or JSON).

    Raises ConfigError with all that is wrong in any of them; whether there is an upstream for those
    that need one is the server's to say.
    """
    if named in SCENARIOS or not named.endswith((".toml", ".json")):
        return scenario_of(named)
    path = Path(named)
    try:
        rules = tuple(rules_in(_read(path, read_named(path).decode())))
    except OSError as error:
        raise ConfigError([f"scenario: {path}: {error.strerror}"]) from None
    except (ValueError, RecursionError) as error:  # the parsers' own words may quote the file
        kind = path.suffix[1:].upper()
        why = f"is no {kind} in UTF-8{place_in_toml(error)}"
        raise ConfigError([f"scenario: {path} {why}"]) from None
    problems = [f"rule {number}: {one}" for number, one in _problems_in(rules)]
    if problems:
        raise ConfigError(problems)
    return rules


def _problems_in(rules: Sequence[RuleFacts]) -> Iterator[tuple[int, str]]:
    for number, told in enumerate(rules, 1):
        try:
            read_rule(told, gateway=True)
        except ConfigError as error:
            yield from ((number, one) for one in error.problems)


def _read(path: Path, text: str) -> object:
    if path.suffix == ".toml":
        return tomllib.loads(text)
    found: object = msgspec.json.decode(text)
    return found


def scenario(
    named: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE",
            help=f"One of {', '.join(SCENARIOS)}; or a file (.toml, .json) with a list of rules.",
        ),
    ],
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Have requests meet the faults of a scenario, after the rules that are there."""
    try:
        rules = rules_of(named)
    except ConfigError as error:
        fail(Exit.SETTINGS, *error.problems)
    place = settings(config, data_dir).server.data_dir
    added = [ask(place, "POST", "/dev/faults", dict[str, Any], one) for one in rules]
    show_rows(
        [{"id": one["id"], "fault": one["fault"]} for one in added], ("id", "fault"), output, ""
    )
