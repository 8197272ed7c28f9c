"""The settings of a throw-away gateway, and what is asked for them."""

import io

import pytest
import typer

from sessiongate.cli.dev.upstream import upstream_flags
from sessiongate.cli.output import Exit, Failed
from sessiongate.config import load
from tests.end_to_end.at_terminal import at_terminal

URL = "https://vc.example"


def stdin(patched: pytest.MonkeyPatch, text: str) -> None:
    patched.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def test_callers_are_asked_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, "not read")
    flags = upstream_flags(URL, None, None, insecure=False)
    assert load(None, {}, flags).upstream["vc"].account == "caller"
    assert upstream_flags(None, None, None, insecure=False) == {}
    with pytest.raises(typer.BadParameter):
        upstream_flags(None, None, None, insecure=False, service=True)


def test_plain_http_is_named_by_the_option_that_allows_it() -> None:
    plain = "http://vc.example"
    with pytest.raises(typer.BadParameter, match="--insecure"):
        upstream_flags(plain, None, None, insecure=False)
    flags = upstream_flags(plain, None, None, insecure=True)
    assert load(None, {}, flags).upstream["vc"].verify is False


def test_an_account_is_two_lines_of_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, "svc@vsphere.local\nthe pass: 1\n")
    upstream = load(
        None, {}, upstream_flags(URL, None, None, insecure=False, service=True)
    ).upstream["vc"]
    assert (upstream.account, upstream.username) == ("service", "svc@vsphere.local")
    assert upstream.password is not None
    assert upstream.password.reveal() == "the pass: 1"


@pytest.mark.parametrize("given", ["", "svc\n", "svc\n\n", "\npassword\n"])
def test_half_an_account_is_none(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stdin(monkeypatch, given)
    with pytest.raises(Failed) as failed:
        upstream_flags(URL, None, None, insecure=False, service=True)
    assert failed.value.code is Exit.SETTINGS


@pytest.mark.slow
def test_at_a_terminal_each_is_asked_for_once() -> None:
    name, password = "Name of the account at the vCenter: ", "Password of svc: "
    # Nobody can listen there, so that it ends by itself once it has asked.
    command = ("dev", "--upstream", URL, "--insecure", "--service", "--listen", "192.0.2.1:1")
    code, shown = at_terminal(*command, types=[(name, "svc\n"), (password, "a secret\n")])
    assert code == 2, shown
    assert (shown.count(name), shown.count(password)) == (1, 1)
    assert "a secret" not in shown
