"""Where a request came from."""

from sessiongate.session import Client
from sessiongate.web.client import client_of
from tests.web.requests import request


def test_a_client_is_address_agent_dialect_and_certificate() -> None:
    came = request("GET", "/", peer="2001:db8::1", user_agent="govc/0.50")
    assert client_of(came, "soap") == Client("2001:db8::1", "govc/0.50", "soap", None)
    came.certificate = b"DER"
    assert client_of(came, "soap").certificate == b"DER"


def test_who_names_no_agent_has_an_empty_one() -> None:
    assert client_of(request("GET", "/"), "zerto").user_agent == ""
