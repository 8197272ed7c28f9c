"""Whom we believe when we call: the least that every TLS context of ours asks for."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sessiongate.tls import certificates
from sessiongate.tls.trust import Trust, client_context


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    made = certificates.ensure(tmp_path, ("127.0.0.1",), datetime.now(UTC)).ca
    assert made is not None
    return made


def test_sec_67_old_tls_is_spoken_to_nobody(authority: Path) -> None:
    """Whatever the system's OpenSSL would still speak, TLS 1.2 is the least."""
    contexts = [client_context(), client_context(authority)]
    contexts += [trust.context() for trust in (Trust(), Trust(authority), Trust(verify=False))]
    contexts.append(Trust(fingerprint="ab" * 32).context())
    assert {context.minimum_version for context in contexts} == {ssl.TLSVersion.TLSv1_2}


def test_sec_67_chain_and_name_are_checked_unless_told_otherwise(authority: Path) -> None:
    for context in (client_context(), client_context(authority), Trust(authority).context()):
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    for trust in (Trust(verify=False), Trust(fingerprint="ab" * 32)):
        context = trust.context()
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)
    assert Trust(verify=False).is_blind
    assert not Trust(verify=False, fingerprint="ab" * 32).is_blind


def test_a_file_without_a_certificate_is_no_authority(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("", encoding="utf-8")
    for ca in (empty, tmp_path / "missing.pem"):
        with pytest.raises(OSError, match=r"."):
            client_context(ca)
