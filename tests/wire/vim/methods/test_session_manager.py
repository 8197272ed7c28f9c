"""The rows of SessionManager."""

from sessiongate.wire.vim.methods import METHODS
from sessiongate.wire.vim.methods import session_manager as rows


def test_its_rows_are_in_the_one_table() -> None:
    assert "Login" in {row.name for row in rows.METHODS if row.on == "SessionManager"}
    assert all(METHODS[row.on, row.name] is row for row in rows.METHODS)


def test_only_logins_and_impersonation_open_a_session() -> None:
    opening = {row.name for row in rows.METHODS if row.opens}
    assert {name for name in opening if not name.startswith("Login")} == {
        "CloneSession",
        "ImpersonateUser",
    }
