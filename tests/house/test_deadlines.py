"""Deadlines in tests are long: where all is well they cost nothing, and a busy machine is no fault.

A shorter one that is meant, because it is itself what a test is about, has a name.
"""

import ast

from tests.house.sources import TESTS, name_of, nodes_in, python_files, tree_of

LONG = 60.0
"""Seconds. `tests.until.PATIENCE` is twice as much, and what a test takes that is in no hurry."""

PAUSE = 0.5
"""What waits for so long at most is meant to come back to its work."""

_PLACES = {
    "timeout": 0,
    "wait_for": 1,
    "wait_until": 1,
    "until": 1,
    "create_connection": 1,
    "wait": 0,
    "join": 0,
    "result": 0,
    "settimeout": 0,
}
"""Which argument is the deadline of what is called so; of anything else it is called `timeout`."""

_PAUSES = {"wait", "join", "settimeout"}


def short_deadlines_in(tree: ast.AST) -> list[str]:
    """Calls that wait for fewer seconds, where these are a bare number."""
    return [
        ast.unparse(call)
        for call in nodes_in(tree, ast.Call)
        if (seconds := _deadline_of(call)) is not None and 0 < seconds < LONG
    ]


def _deadline_of(call: ast.Call) -> float | None:
    name = ast.unparse(call.func).rpartition(".")[2]
    place = _PLACES.get(name, len(call.args))
    given = [*call.args[place : place + 1], *(k.value for k in call.keywords if k.arg == "timeout")]
    numbers = [one.value for one in given if isinstance(one, ast.Constant)]
    seconds = next((one for one in numbers if isinstance(one, int | float)), None)
    return None if name in _PAUSES and seconds is not None and seconds <= PAUSE else seconds


def test_a_deadline_in_a_test_is_long() -> None:
    short = {
        name_of(path): found
        for path in python_files(TESTS)
        if (found := short_deadlines_in(tree_of(path)))
    }
    assert short == {}


def test_the_check_of_deadlines_sees() -> None:
    short = [
        "asyncio.timeout(5)",
        "wait_until(so, 2.0)",
        "event.wait(30)",
        "urlopen(asked, timeout=10)",
        "create_connection(address, 10)",
    ]
    long = [
        "asyncio.timeout(60)",
        "until(so, BOUND)",
        "over.wait(0.02)",
        "process.wait(0)",
        "words.join(those)",
        "run(command, timeout=PATIENCE)",
        "create_connection(address)",
    ]
    tree = ast.parse("\n".join([*short, *long]))
    assert short_deadlines_in(tree) == short
