"""Faults that `dev` begins with."""

from collections.abc import Sequence

from sessiongate.cli.output import Exit, fail
from sessiongate.cli.scenario import rules_of
from sessiongate.errors import ConfigError
from sessiongate.faults.points import Faults
from sessiongate.faults.reader import read_line, read_rule
from sessiongate.faults.scenarios import RuleFacts
from sessiongate.secret import Secret
from sessiongate.testing.clock import TravelClock


def rules_asked_for(faults: Sequence[str], scenarios: Sequence[str]) -> tuple[RuleFacts, ...]:
    """The rules of these options, or exit with all that is wrong in them.

    Whether there is an upstream for those that need one is said once there are settings.
    """
    rules: list[RuleFacts] = []
    problems: list[str] = []
    for option, texts in (("--fault", faults), ("--scenario", scenarios)):
        for text in texts:
            try:
                rules += [_rule_of(text)] if option == "--fault" else rules_of(text)
            except ConfigError as error:
                own = f"{option.removeprefix('--')}: "
                problems += [f"{option}: {one.removeprefix(own)}" for one in error.problems]
    if problems:
        fail(Exit.SETTINGS, *problems)
    return tuple(rules)


def _rule_of(line: str) -> RuleFacts:
    told = read_line(line)
    read_rule(told, gateway=True)
    return told


def faults_of(
    rules: Sequence[RuleFacts],
    clock: TravelClock,
    seed: int,
    token: str,
    *,
    header: bool,
    gateway: bool = False,
) -> Faults:
    """What a server is given to have these faults, and to be steered with this token.

    Exits where it is no `gateway` and a rule is about an upstream.
    """
    faults = Faults(clock, seed, Secret(token), header=header, gateway=gateway)
    try:
        for told in rules:
            faults.state.add(told)
    except ConfigError as error:
        fail(Exit.SETTINGS, *error.problems)
    return faults


def banner(rules: Sequence[RuleFacts]) -> list[str]:
    """What is said at the start of a server that has faults; nothing of one that has none."""
    if not rules:
        return []
    names = ", ".join(dict.fromkeys(str(one["fault"]) for one in rules))
    return [f"FAULTS ARE ON: {names}. `sessiongate faults clear` ends them."]
