"""Which address a document of ours names: never one that a client made up."""

from hypothesis import given
from hypothesis import strategies as st

from sessiongate.http.own_names import OwnNames
from tests.each import each
from tests.http.requests import request

OURS = OwnNames(["*.sg.example", "sg.example.com", "10.0.0.5", "::1"])


@each(
    ("host", "told"),
    [
        ("sg.example.com", "https://sg.example.com"),
        ("SG.Example.COM:9669", "https://sg.example.com:9669"),
        ("10.0.0.5:00443", "https://10.0.0.5:443"),
        ("[0:0::1]:9669", "https://[::1]:9669"),
        ("one.sg.example:1", "https://one.sg.example:1"),
        # What is not ours leaves its port at most.
        ("two.one.sg.example:1", "https://sg.example.com:1"),
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


@given(st.text(max_size=40) | st.from_regex(r"\A[a-z]{1,4}\.sg\.example(:[0-9]*)?\Z"))
def test_any_host_gives_one_of_ours(host: str) -> None:
    """Whatever stands in Host, the name told is one of ours, with at most a port."""
    told = OURS.origin(request("GET", "/", host=host)).removeprefix("https://")
    name = told.rpartition(":")[0] or told if told[-1:].isdigit() else told
    assert name in ("sg.example.com", "10.0.0.5", "[::1]") or name.endswith(".sg.example")
