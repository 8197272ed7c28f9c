"""Whom we believe when we call: the least that every TLS context of ours asks for."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sessiongate.tls import certificates
from sessiongate.tls.trust import Trust, ca_problem, client_context


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    made = certificates.ensure(tmp_path, ("127.0.0.1",), datetime.now(UTC)).ca
    assert made is not None
    return made


def test_sec_67_old_tls_is_spoken_to_nobody(authority: Path) -> None:
    """Whatever the system's OpenSSL would still speak, TLS 1.2 is the least."""
    contexts = [client_context(), client_context(authority)]
    contexts += [trust.context() for trust in (Trust(), Trust(authority), Trust(verify=False))]
    contexts.append(Trust(fingerprints=("ab" * 32,)).context())
    assert {context.minimum_version for context in contexts} == {ssl.TLSVersion.TLSv1_2}


def test_sec_67_chain_and_name_are_checked_unless_told_otherwise(authority: Path) -> None:
    for context in (client_context(), client_context(authority), Trust(authority).context()):
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    for trust in (Trust(verify=False), Trust(fingerprints=("ab" * 32,))):
        context = trust.context()
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)
    assert Trust(verify=False).is_blind
    assert not Trust(verify=False, fingerprints=("ab" * 32,)).is_blind


def test_sec_67_a_ca_stays_asked_for_beside_a_fingerprint(authority: Path) -> None:
    context = Trust(authority, ("ab" * 32,)).context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.sslobject_class is not ssl.SSLObject


@pytest.mark.parametrize("pins", [(), ("ab" * 32,)])
def test_sec_67_a_ca_that_is_not_verified_is_refused(pins: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="must be true where ca is given"):
        Trust(Path("ca.pem"), pins, verify=False)


def test_a_ca_file_that_is_none_is_told_with_the_way_out(authority: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("", encoding="utf-8")
    assert ca_problem(authority) is None
    for name, why in (("empty.pem", "holds no certificate"), ("none.pem", "cannot be read: No")):
        told = ca_problem(tmp_path / name) or ""
        assert told.startswith(f"{tmp_path / name} {why}")
        assert told.endswith("name a PEM file with the CA's certificate")


def test_a_file_without_a_certificate_is_no_authority(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("", encoding="utf-8")
    for ca in (empty, tmp_path / "missing.pem"):
        with pytest.raises(OSError, match=r"."):
            client_context(ca)
