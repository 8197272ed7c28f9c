"""Reads a rule from JSON, TOML, Python's keywords or words of a command. Pure.

What is no name of anything is refused, with the name that was probably meant.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches

import msgspec

from sessiongate.config import values
from sessiongate.errors import ConfigError
from sessiongate.faults.catalogue import FAULTS, KnownFault, names
from sessiongate.faults.rule import ARRIVALS, Counts, FaultRule, Scope, Step, When

_WHEN = When.__struct_fields__
_COUNTS = ("skip", "times", "every", "probability", "for")
_OWN = ("id", "fault", "when", "args", "then", *_COUNTS)
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MOST = 999_999_999
_MOST_STEPS = 100
_NO_UPSTREAM = (
    "fault: {} is not available, since this server has no upstream: give it one by"
    " `sessiongate dev --upstream URL`, or by a table [upstream.NAME] of its settings"
)

DIALECTS = ("soap", "vi-json", "rest", "vapi-rpc", "zerto", "zerto-appliance", "forward-auth")
"""What a rule may name as `dialect`."""


def read_rule(told: Mapping[str, object], *, gateway: bool = False) -> FaultRule:
    """The rule that this says.

    Arguments of the fault, and what stands in `when`, may also stand beside the rule's own keys; a
    key that Python has for itself may end in an underscore. Faults of an upstream are for a
    `gateway`. Raises ConfigError with all that is wrong.
    """
    problems: list[str] = []
    try:
        told = as_json(told)
    except RecursionError:
        raise ConfigError(["the rule is nested too deeply"]) from None
    plain = {**told}
    rule_id = _id_in(plain)
    if rule_id is None:
        problems.append("id: must be at most 64 letters, digits, dots, dashes and underlines")
    following = plain.pop("then", ())
    if not isinstance(following, list | tuple) or len(following) >= _MOST_STEPS:
        problems.append(f"then: must be a list of at most {_MOST_STEPS} steps")
        following = ()
    first = _step(plain, When(), problems, "")
    steps = [first]
    for number, one in enumerate(following, 1):
        if isinstance(one, Mapping) and "id" not in one and "then" not in one:
            steps.append(_step(one, first.when, problems, f"then {number}: "))
        else:
            problems.append(f"then {number}: must be a rule without id and then")
    if len({step.scope if step.scope in ARRIVALS else None for step in steps}) > 1:
        problems.append("then: faults of connections and of requests are for two rules")
    if not gateway:
        problems += [_NO_UPSTREAM.format(one.fault) for one in steps if _is_of_upstream(one)]
    if problems:
        raise ConfigError(problems)
    return FaultRule(id=rule_id or "", steps=tuple(steps), told=told)


def _id_in(plain: dict[str, object]) -> str | None:
    """The id, taken out; "" where there is none, None for what is no id."""
    found = plain.pop("id", "")
    if found is None or found == "":
        return ""
    return found if isinstance(found, str) and _ID.fullmatch(found) else None


def as_json(told: Mapping[str, object]) -> dict[str, object]:
    """The same rule in what JSON has, without the underscores that Python needs."""
    return {str(key).removesuffix("_"): _plain(value) for key, value in told.items()}


def read_words(words: Sequence[str]) -> dict[str, object]:
    """The rule that a command's words say: the fault's name, then `NAME=VALUE` for the rest.

    One word that begins with `{` is JSON. Raises ConfigError.
    """
    if len(words) == 1 and words[0].lstrip().startswith("{"):
        try:
            return msgspec.json.decode(words[0], type=dict[str, object])
        except (msgspec.DecodeError, RecursionError) as error:
            raise ConfigError([f"fault: not JSON: {error}"]) from None
    if not words:
        raise ConfigError(["fault: names none; such as: login.slow seconds=5 times=1"])
    told: dict[str, object] = {"fault": words[0]}
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if not equals:
            raise ConfigError([f"fault: {word!r} is not of the form NAME=VALUE"])
        told[name] = value
    return told


def read_line(text: str) -> dict[str, object]:
    """The same of one line, with quotes as a shell has them. Raises ConfigError."""
    try:
        words = [text] if text.lstrip().startswith("{") else shlex.split(text)
    except ValueError as error:
        raise ConfigError([f"{text!r} cannot be split into words: {error}"]) from None
    return read_words(words)


def _step(told: Mapping[str, object], inherited: When, problems: list[str], where: str) -> Step:
    """One step, with what is wrong added to `problems`."""
    fault = told.get("fault")
    known = FAULTS.get(fault) if isinstance(fault, str) else None
    if known is None:
        problems.append(where + _no_such_fault(fault))
        return Step(fault="")
    given = {key: value for key, value in told.items() if key not in _OWN}
    more = told.get("args", {})
    given |= more if isinstance(more, Mapping) else {}
    about = {key: given.pop(key) for key in _WHEN if key in given}
    more = told.get("when", {})
    if not isinstance(more, Mapping) or not isinstance(told.get("args", {}), Mapping):
        problems.append(f"{where}when, args: must be tables")
        more = {}
    when = _when(about, more, problems, where) or inherited
    scope = known.scope
    args = _arguments(str(fault), known, given, problems, where)
    if args.get("at") == "accept":
        scope = Scope.CONNECTION
    if scope in ARRIVALS and msgspec.structs.replace(when, address=()) != When():
        problems.append(f"{where}when: of a connection only the address is known yet")
    counts = _counts(told, known, problems, where)
    return Step(fault=str(fault), args=args, scope=scope, when=when, counts=counts)


def _is_of_upstream(step: Step) -> bool:
    known = FAULTS.get(step.fault)
    return known is not None and known.of_upstream


def _no_such_fault(fault: object) -> str:
    if fault is None:
        return (
            f'fault: must be given, as in {{"fault": "login.slow"}}; there are: {", ".join(FAULTS)}'
        )
    near = get_close_matches(str(fault), FAULTS, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(FAULTS)}"
    return f"fault: there is no {str(fault)[:80]!r}; {hint}"


def _unknown(name: object, there: Sequence[str], what: str) -> str:
    near = get_close_matches(str(name), there, 1, 0.6)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(there) or 'none'}"
    return f"{str(name)[:80]}: is no {what}; {hint}"


def _when(
    about: Mapping[str, object], nested: Mapping[str, object], problems: list[str], where: str
) -> When | None:
    """What stands beside the rule's own keys, and in its `when`. None where neither says any."""
    found: dict[str, tuple[str, ...]] = {}
    for key, value in {**about, **nested}.items():
        at = f"{where}when." if key in nested else where
        if key not in _WHEN:
            problems.append(f"{at}{_unknown(key, _WHEN, 'property of a request')}")
            continue
        try:
            found[key] = names(value)
        except ValueError as error:
            problems.append(f"{at}{key}: {error}")
            continue
        if not found[key]:  # such as user=$WHO where that is not set: all would meet it
            problems.append(f"{at}{key}: names nobody and nothing; leave it out for all")
    at = f"{where}when." if "dialect" in nested else where
    problems += [
        f"{at}dialect: {_unknown(dialect, DIALECTS, 'dialect')}"
        for dialect in found.get("dialect", ())
        if dialect not in DIALECTS and not set(dialect) & set("*?[")
    ]
    return When(**found) if found else None


def _arguments(
    fault: str,
    known: KnownFault,
    given: Mapping[str, object],
    problems: list[str],
    where: str,
) -> dict[str, object]:
    found: dict[str, object] = {name: one.default for name, one in known.args.items()}
    for name, value in given.items():
        argument = known.args.get(name)
        if argument is None:
            there = [*known.args, *_COUNTS, *_WHEN]
            problems.append(f"{where}{fault}.{_unknown(name, there, 'argument of this fault')}")
            continue
        try:
            found[name] = argument.read(value)
        except ValueError as error:
            problems.append(f"{where}{fault}.{name}: {error}")
    problems += [
        f"{where}{fault}.{name}: must be given"
        for name, one in known.args.items()
        if one.needed and name not in given
    ]
    return found


def _counts(
    told: Mapping[str, object], known: KnownFault, problems: list[str], where: str
) -> Counts:
    found: dict[str, object] = {"times": known.times}
    readers = {
        "skip": values.whole(0, _MOST),
        "times": values.whole(1, _MOST),
        "every": values.whole(1, _MOST),
        "probability": _probability,
        "for": values.positive_duration,
    }
    for name, read in readers.items():
        if told.get(name) is None:
            continue
        try:
            found["lasts" if name == "for" else name] = read(told[name])
        except ValueError as error:
            problems.append(f"{where}{name}: {error}")
    return msgspec.convert(found, Counts)


def _probability(value: object) -> float:
    try:
        number = float(value) if isinstance(value, int | float | str) else 0.0
    except (ValueError, OverflowError):
        number = 0.0
    if not 0 < number <= 1:
        raise ValueError("must be a number above 0 and at most 1")
    return number


def _plain(value: object) -> object:
    if isinstance(value, timedelta):
        return f"{'-' if value < timedelta(0) else ''}{values.duration_text(abs(value))}"
    if isinstance(value, Mapping):
        return as_json(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    made: object = msgspec.to_builtins(value)
    return made
