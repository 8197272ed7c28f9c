"""`sessiongate faults`, `clock` and `scenario`, asked of a server in a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sessiongate.faults.catalogue import FAULTS
from sessiongate.testing import Gate
from tests.each import each
from tests.end_to_end.serving import Finished, run_here
from tests.faults.speakers import SPEAKERS

ZERTO = SPEAKERS["zerto"]


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    with Gate.start(tls=False) as started:
        yield started


def run(gate: Gate, *args: str) -> Finished:
    return run_here(*args, "--data-dir", str(gate.data_dir), "--output", "json")


def test_a_rule_is_added_met_shown_and_removed(gate: Gate) -> None:
    gate.reset()
    words = ("login.refuse", "as=LockedOut")
    about = ("--dialect", "zerto", "--dialect", "rest", "--times", "1", "--for", "1h")
    added = run(gate, "faults", "add", *words, *about)
    assert added.code == 0, added
    assert added.json()["id"] == "r1"
    assert [ZERTO.login(gate).status for _ in range(2)] == [401, 200]
    (listed,) = run(gate, "faults", "list").json()
    assert listed == {
        "id": "r1",
        "fault": "login.refuse",
        "as": "LockedOut",
        "dialect": ["zerto", "rest"],
        "times": 1,
        "for": "1h",
        "hits": 1,
        "over": True,
    }
    assert run(gate, "faults", "show", "r1").json() == listed
    assert run(gate, "faults", "remove", "r1").json() == {"removed": 1}
    assert run(gate, "faults", "add", '{"fault": "store.down"}').code == 0
    assert run(gate, "faults", "clear").json() == {"removed": 1}
    assert run(gate, "faults", "list").json() == []


def test_the_help_names_each_fault() -> None:
    said = " ".join(run_here("faults", "add", "--help").out.replace("│", " ").split())
    assert [name for name in FAULTS if name not in said] == []


def test_people_see_a_table(gate: Gate) -> None:
    gate.reset()
    gate.fault("login.slow", seconds=1, times=2)
    done = run_here("faults", "list", "--data-dir", str(gate.data_dir))
    assert done.out.split("\n")[1].split() == [
        "r1",
        "login.slow",
        "0",
        "no",
        "seconds=1",
        "times=2",
    ]


@each(
    ("args", "why"),
    [
        (("faults", "add", "cap.reachd"), "did you mean cap.reached?"),
        (("faults", "add", "login.slow", "secs=1"), "is no argument of this fault"),
        (("faults", "add", "login.slow", "1"), "is not of the form NAME=VALUE"),
        (("faults", "show", "r9"), "there is no rule 'r9'"),
        (("faults", "remove", "r9"), "there is no rule 'r9'"),
        (("scenario", "cap-55"), "did you mean cap-550?"),
        (("scenario", "none.toml"), "none.toml"),
        (("clock", "advance", "soon"), "must be a duration"),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(
    gate: Gate, args: tuple[str, ...], why: str
) -> None:
    done = run(gate, *args)
    assert done.code in (1, 2), done
    assert why in str(done.json())


def test_time_goes_ahead(gate: Gate) -> None:
    gate.reset()
    token = ZERTO.logged_in(gate)
    told = run(gate, "clock", "advance", "31m").json()
    assert told["ended"] == 1
    assert run(gate, "clock", "now").json()["now"] >= told["now"]
    assert ZERTO.call(gate, token).status == 401


def test_a_scenario_has_a_name_or_a_file(gate: Gate, tmp_path: Path) -> None:
    gate.reset()
    assert len(run(gate, "scenario", "restart").json()) == 3
    assert run(gate, "faults", "clear").json() == {"removed": 3}
    for name, text in (
        ("rules.json", '[{"fault": "store.down", "times": 1}]'),
        ("rules.toml", '[[rules]]\nfault = "store.down"\nwhen = { user = "ci" }\n'),
    ):
        path = tmp_path / name
        path.write_text(text)
        assert run(gate, "scenario", str(path)).json()[0]["fault"] == "store.down"
    assert ZERTO.login(gate).status == 503


def test_a_file_that_is_no_scenario_is_refused(gate: Gate, tmp_path: Path) -> None:
    files = {
        "a.json": "{",
        "b.toml": "= =",
        "c.json": "[]",
        "d.json": '["x"]',
        "e.json": "[" * 99999,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.write_text(text)
        done = run(gate, "scenario", str(path))
        assert done.code == 2, done
        assert "scenario: " in str(done.json())


def test_of_a_file_with_a_slip_no_rule_is_added(gate: Gate, tmp_path: Path) -> None:
    gate.reset()
    path = tmp_path / "rules.json"
    path.write_text('[{"fault": "login.slow"}, {"fault": "store.dwn"}, {"fault": "reply.slo"}]')
    done = run(gate, "scenario", str(path))
    assert done.code == 2, done
    for told in ("rule 2: fault: there is no 'store.dwn'", "rule 3: fault: there is no"):
        assert told in str(done.json())
    assert run(gate, "faults", "list").json() == []


def test_the_table_has_names_as_they_are_typed(gate: Gate) -> None:
    gate.reset()
    gate.fault("cap.reached", dialect=["soap", "rest"])
    done = run_here("faults", "list", "--data-dir", str(gate.data_dir))
    assert "dialect=soap,rest" in done.out
