"""Questions at a terminal: what is asked again, what ends the command, and with which code."""

from pathlib import Path

import pytest

from tests.end_to_end.at_terminal import at_terminal
from tests.end_to_end.serving import ADMIN, USER, add_people

pytestmark = pytest.mark.slow

FIRST, AGAIN = "Password of ursula: ", "Repeat for confirmation: "
GOOD = "a longer one 1"


@pytest.fixture
def passwd(tmp_path: Path) -> tuple[str, ...]:
    data_dir = tmp_path / "data"
    add_people(data_dir / "users.toml", {USER: "user"})
    return ("users", "passwd", USER[0], "--data-dir", str(data_dir))


@pytest.mark.parametrize(
    ("change", "back"),
    [
        (("remove", ADMIN[0]), "users add admin --role administrator"),
        (("disable", ADMIN[0]), "users enable admin"),
        (("role", ADMIN[0], "user"), "users role admin administrator"),
    ],
)
def test_the_last_administrator_is_asked_for(
    change: tuple[str, ...], back: str, tmp_path: Path
) -> None:
    path = tmp_path / "data" / "users.toml"
    add_people(path, {USER: "user", ADMIN: "administrator"})
    before = path.read_bytes()
    command = ("users", *change, "--data-dir", str(path.parent))
    question = "Leave no administrator? [y/N]: "
    for answer, code in (("\n", 1), ("n\n", 1), ("\x04", 1), ("\x03", 130)):
        left, shown = at_terminal(*command, types=[(question, answer)])
        assert (left, path.read_bytes() == before) == (code, True), shown
        assert f"`sessiongate {back}` brings one back" in shown
    left, shown = at_terminal(*command, types=[(question, "what?\n"), ("Answer y or n.", "y\n")])
    assert (left, path.read_bytes() == before) == (0, False), shown


def test_a_password_that_may_not_be_set_need_not_be_repeated(passwd: tuple[str, ...]) -> None:
    for typed, why in (("short", "at least 12 characters (hashing.min_length)"), ("", "empty")):
        code, shown = at_terminal(*passwd, types=[(FIRST, f"{typed}\n")])
        assert (code, AGAIN in shown) == (1, False), shown
        assert "password: must " in shown
        assert why in shown


def test_two_that_differ_are_asked_for_again(passwd: tuple[str, ...]) -> None:
    second = f"These two are not the same. Type both again.\r\n{FIRST}"
    answers = [(FIRST, GOOD), (AGAIN, f"{GOOD}2"), (second, GOOD), (f"{second}\r\n{AGAIN}", GOOD)]
    code, shown = at_terminal(*passwd, types=[(at, f"{typed}\n") for at, typed in answers])
    assert (code, "Password set." in shown) == (0, True), shown


@pytest.mark.parametrize("typed", [[(FIRST, "\x03")], [(FIRST, f"{GOOD}\n"), (AGAIN, "\x03")]])
def test_ctrl_c_ends_a_question(typed: list[tuple[str, str]], passwd: tuple[str, ...]) -> None:
    code, shown = at_terminal(*passwd, types=typed)
    assert code == 130, shown
    assert shown.splitlines()[-1].startswith(typed[-1][0])
    assert shown.endswith("\n")


def test_the_end_of_input_does_nothing(passwd: tuple[str, ...]) -> None:
    code, shown = at_terminal(*passwd, types=[(FIRST, "\x04")])
    assert (code, "nothing was done" in shown) == (1, True)
