"""Which address a document of ours names: never one that a client made up."""

from hypothesis import given
from hypothesis import strategies as st

from sessiongate.http.own_names import OwnNames
from tests.each import each
from tests.http.requests import request

NAMES = ["*.sg.example", "sg.example.com", "10.0.0.5", "::1", "machine"]
OURS = OwnNames(NAMES, ["*.sg.example", "sg.example.com"], [9669])


@each(
    ("host", "told"),
    [
        ("sg.example.com", "https://sg.example.com"),
        ("SG.Example.COM:9669", "https://sg.example.com:9669"),
        ("10.0.0.5:00443", "https://10.0.0.5:443"),
        ("[0:0::1]:9669", "https://[::1]:9669"),
        ("one.sg.example:1", "https://one.sg.example:1"),
        ("machine:1", "https://machine:1"),
        # Of what is not ours nothing is told but a port at which we listen.
        ("two.one.sg.example:1", "https://sg.example.com"),
        ("evil.example:22", "https://sg.example.com"),
        ('">.sg.example', "https://sg.example.com"),
        ("evil.example:9669", "https://sg.example.com:9669"),
        ("evil.example", "https://sg.example.com"),
        ("sg.example.com@evil.example", "https://sg.example.com"),
        ("sg.example.com:70000", "https://sg.example.com"),
        ("sg.example.com:0", "https://sg.example.com"),
        ("sg.example.com:4\u0663", "https://sg.example.com"),
        ('sg.example.com:1"/>', "https://sg.example.com"),
        ("[::g]", "https://sg.example.com"),
        ("", "https://sg.example.com"),
    ],
)
def test_only_our_own_names_are_told(host: str, told: str) -> None:
    assert OURS.origin(request("GET", "/", host=host)) == told


def test_without_tls_and_without_a_host() -> None:
    asked = request("GET", "/")
    asked.secure = False
    assert OURS.origin(asked) == "http://sg.example.com"
    assert OwnNames(["*.sg.example"]).origin(asked) == "http://localhost"


def test_nobody_is_told_a_name_that_he_did_not_ask_by() -> None:
    """Strangers were told the machine's, and whatever port they had written."""
    private = OwnNames(NAMES, ["*.sg.example"], [9669])
    assert private.first == "sg.example.com"
    for host in ("evil.example", "machine.example", "10.0.0.6", ""):
        assert private.origin(request("GET", "/", host=host)) == "https://localhost"
    for port, told in ((9669, ":9669"), (443, ""), (22, "")):
        asked = request("GET", "/", host=f"evil.example:{port}")
        assert private.origin(asked) == f"https://localhost{told}"
    assert private.origin(request("GET", "/", host="machine")) == "https://machine"


@given(st.text(max_size=40) | st.from_regex(r"\A[a-z]{1,4}\.sg\.example(:[0-9]*)?\Z"))
def test_any_host_gives_one_of_ours(host: str) -> None:
    """Whatever stands in Host, the name told is one of ours, with at most a port."""
    told = OURS.origin(request("GET", "/", host=host)).removeprefix("https://")
    name = told.rpartition(":")[0] or told if told[-1:].isdigit() else told
    assert name in ("sg.example.com", "10.0.0.5", "[::1]", "machine") or name.endswith(
        ".sg.example"
    )
