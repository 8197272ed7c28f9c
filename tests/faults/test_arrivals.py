"""Connections that meet faults before they have said anything."""

import socket
import ssl
from collections.abc import Iterator

import pytest

from sessiongate.testing import Gate
from tests.each import each
from tests.until import PATIENCE


@pytest.fixture(scope="module")
def _secure() -> Iterator[Gate]:
    with Gate.start() as gate:
        yield gate


@pytest.fixture
def secure(_secure: Gate) -> Gate:
    _secure.reset()
    return _secure


def fingerprint(gate: Gate) -> str:
    """Of the certificate that a client who trusts the CA is shown. Raises what TLS does."""
    address = gate.host, gate.port
    with (
        socket.create_connection(address, timeout=PATIENCE) as opened,
        gate.ssl_context().wrap_socket(opened, server_hostname=gate.host) as tls,
    ):
        shown = tls.getpeercert(binary_form=True)
        assert shown is not None
        return shown.hex()


@each(
    ("told", "why"),
    [
        ({"fault": "tls.expired"}, "certificate has expired"),
        ({"fault": "tls.wrong-name"}, "IP address mismatch"),
        ({"fault": "tls.rotated", "issuer": "new"}, "self-signed certificate|unable to get local"),
    ],
)
def test_another_certificate_is_shown_to_new_connections(
    secure: Gate, told: dict[str, object], why: str
) -> None:
    before = fingerprint(secure)
    with secure.rule(told) as placed, pytest.raises(ssl.SSLCertVerificationError, match=why):
        fingerprint(secure)
    assert placed.hits == 1
    assert fingerprint(secure) == before


def test_a_rotated_certificate_is_trusted_and_another(secure: Gate) -> None:
    before = fingerprint(secure)
    with secure.fault("tls.rotated"):
        rotated = fingerprint(secure)
        assert fingerprint(secure) == rotated != before


def test_a_connection_is_refused_before_tls(secure: Gate) -> None:
    with secure.fault("conn.refuse", times=1) as placed:
        with socket.create_connection((secure.host, secure.port), timeout=PATIENCE) as opened:
            assert opened.recv(1) == b""
        assert fingerprint(secure)
    assert placed.hits == 1
    assert secure.events("fault met")[0].detail == "conn.refuse by r1, at 127.0.0.1"


def test_a_connection_is_reset_at_once(secure: Gate) -> None:
    with (
        secure.fault("conn.reset", at="accept", address="127.*"),
        pytest.raises(ConnectionResetError),
        socket.create_connection((secure.host, secure.port), timeout=PATIENCE) as opened,
    ):
        opened.recv(1)


def test_connections_from_elsewhere_are_well(secure: Gate) -> None:
    with secure.fault("conn.refuse", address="10.*") as placed:
        assert fingerprint(secure)
    assert placed.hits == 0
