"""Certificates: what is made, when it is renewed, what is refused, and that clients accept it."""

import ssl
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from sessiongate.errors import ConfigError
from sessiongate.secret import Secret
from sessiongate.tls.certificates import (
    RENEW_BEFORE,
    Certificates,
    describe,
    describe_der,
    ensure,
    found,
    names_for,
    own,
    read_der,
    renew,
)
from sessiongate.tls.local_ca import CA_LIFE, LEAF_LIFE, SLOW_CLOCKS

# The real day, because the handshake below goes by the real clock.
NOW = datetime.now(UTC).replace(microsecond=0)
NAMES = ("gate.example.com", "localhost", "127.0.0.1", "::1")


def chain(path: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(path.read_bytes())


def contents(directory: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in directory.iterdir()}


def shake_hands(certificates: Certificates, name: str) -> str | None:
    """Let a client and a server meet in memory; what went wrong, or the protocol they agreed on."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificates.certificate, certificates.key)
    client_side = ssl.create_default_context(cafile=certificates.ca)
    # As strict as Python 3.13 is by default: key usage and key identifiers are looked at.
    client_side.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_side.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_side.wrap_bio(to_server, to_client, server_side=True)
    done: set[ssl.SSLObject] = set()
    for _ in range(10):
        for side in (client, server):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                continue
    assert done == {client, server}
    return client.version()


def test_the_first_start_makes_a_ca_and_a_leaf(tmp_path: Path) -> None:
    made = ensure(tmp_path / "data", NAMES, NOW)
    directory = tmp_path / "data" / "tls"
    assert sorted(contents(directory)) == ["ca.key", "ca.pem", "server.key", "server.pem"]
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "ca.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((directory / "server.key").stat().st_mode) == 0o600
    assert made.made
    assert made.ca == directory / "ca.pem"
    assert set(made.facts.names) == set(NAMES)
    assert made.facts.subject == "CN=gate.example.com"

    [ca] = chain(directory / "ca.pem")
    leaf, issuer = chain(directory / "server.pem")
    assert issuer == ca
    leaf.verify_directly_issued_by(ca)
    limits = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    assert limits.critical
    assert (limits.value.ca, limits.value.path_length) == (True, 0)
    assert ca.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    assert ca.not_valid_after_utc == NOW + CA_LIFE
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == LEAF_LIFE
    assert leaf.not_valid_before_utc < NOW
    key = serialization.load_pem_private_key((directory / "server.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert (directory / "server.key").read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")


@pytest.mark.parametrize("name", NAMES)
def test_a_client_that_trusts_the_ca_accepts_each_name(tmp_path: Path, name: str) -> None:
    assert shake_hands(ensure(tmp_path, NAMES, NOW), name) == "TLSv1.3"


def test_a_client_does_not_accept_another_name(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(ensure(tmp_path, NAMES, NOW), "other.example.com")


def test_a_data_directory_that_is_new_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Whoever comes first makes it, and that is us: users and sessions will live there too."""
    data_dir = tmp_path / "new" / "data"
    ensure(data_dir, NAMES, NOW)
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    first = ensure(tmp_path, NAMES, NOW)
    before = contents(tmp_path / "tls")
    again = ensure(tmp_path, NAMES[:2], NOW + timedelta(days=300))
    assert contents(tmp_path / "tls") == before
    assert not again.made
    assert again.facts == first.facts


@pytest.mark.parametrize("left", [RENEW_BEFORE, timedelta(0), -timedelta(days=100)])
def test_a_leaf_at_its_end_is_renewed_by_the_same_ca(tmp_path: Path, left: timedelta) -> None:
    first = ensure(tmp_path, NAMES, NOW)
    before = contents(tmp_path / "tls")
    again = ensure(tmp_path, NAMES, first.facts.not_after - left)
    after = contents(tmp_path / "tls")
    assert again.made
    assert again.facts.sha256 != first.facts.sha256
    assert after["ca.pem"] == before["ca.pem"]
    assert after["server.key"] != before["server.key"]


def test_a_leaf_that_lacks_a_name_is_replaced(tmp_path: Path) -> None:
    ensure(tmp_path, NAMES, NOW)
    again = ensure(tmp_path, [*NAMES, "NEW.example.com", "10.0.0.1"], NOW)
    assert again.made
    assert {"new.example.com", "10.0.0.1"} <= set(again.facts.names)


def test_renewing_keeps_the_ca_until_its_end(tmp_path: Path) -> None:
    first = ensure(tmp_path, NAMES, NOW)
    ca = (tmp_path / "tls" / "ca.pem").read_bytes()
    assert renew(tmp_path, NAMES, NOW).facts.sha256 != first.facts.sha256
    near_its_end = NOW + CA_LIFE - timedelta(days=31)
    assert renew(tmp_path, NAMES, near_its_end).facts.not_after == NOW + CA_LIFE
    assert (tmp_path / "tls" / "ca.pem").read_bytes() == ca
    renew(tmp_path, NAMES, NOW + CA_LIFE)
    assert (tmp_path / "tls" / "ca.pem").read_bytes() != ca


AHEAD = timedelta(days=394)


def test_a_leaf_of_a_start_with_a_clock_ahead_is_renewed_by_the_next(tmp_path: Path) -> None:
    ensure(tmp_path, NAMES, NOW)
    before = contents(tmp_path / "tls")
    assert "it ends at" in ensure(tmp_path, NAMES, NOW + AHEAD).why
    again = ensure(tmp_path, NAMES, NOW)
    assert again.made
    assert again.why.startswith("it was not valid before ")
    assert contents(tmp_path / "tls")["ca.pem"] == before["ca.pem"]
    assert shake_hands(again, NAMES[0]) == "TLSv1.3"


def test_a_ca_that_is_not_yet_valid_stays_at_a_start_and_goes_when_somebody_asks(
    tmp_path: Path,
) -> None:
    """At a start it may be the clock that is wrong: one that is behind must not cost a good CA."""
    ensure(tmp_path, NAMES, NOW + AHEAD)
    made_ahead = contents(tmp_path / "tls")
    assert not ensure(tmp_path, NAMES, NOW).made
    assert ensure(tmp_path, [*NAMES, "new.example.com"], NOW).old_ca == ""
    assert contents(tmp_path / "tls")["ca.pem"] == made_ahead["ca.pem"]
    renewed = renew(tmp_path, NAMES, NOW)
    assert renewed.old_ca.startswith("it is not valid before ")
    assert contents(tmp_path / "tls")["ca.pem"] != made_ahead["ca.pem"]
    assert shake_hands(renewed, NAMES[0]) == "TLSv1.3"
    assert renew(tmp_path, NAMES, NOW).old_ca == ""


def test_the_ca_behind_a_certificate_is_described(tmp_path: Path) -> None:
    made = ensure(tmp_path, NAMES, NOW)
    for facts in (made.facts, ensure(tmp_path, NAMES, NOW).facts, describe(made.certificate)):
        assert (facts.issuer_not_before, facts.issuer_not_after) == (
            NOW - SLOW_CLOCKS,
            NOW + CA_LIFE,
        )
    assert made.ca is not None
    alone = describe(made.ca)
    assert (alone.issuer_not_before, alone.issuer_not_after) == (None, None)


def test_a_leaf_that_somebody_else_signed_is_left_alone(tmp_path: Path) -> None:
    ensure(tmp_path / "a", NAMES, NOW)
    tls = tmp_path / "b" / "tls"
    tls.mkdir(parents=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mine")])
    mine = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (tls / "server.pem").write_bytes(mine.public_bytes(serialization.Encoding.PEM))
    (tls / "server.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    before = contents(tls)
    kept = ensure(tmp_path / "b", NAMES, NOW + timedelta(days=2))
    assert contents(tls) == before
    assert (kept.made, kept.ca, kept.facts.names) == (False, None, ())


def test_a_valid_leaf_needs_no_ca(tmp_path: Path) -> None:
    ensure(tmp_path, NAMES, NOW)
    (tmp_path / "tls" / "ca.key").unlink()
    assert not ensure(tmp_path, NAMES, NOW).made
    with pytest.raises(ConfigError, match=r"ca\.key: cannot be read"):
        renew(tmp_path, NAMES, NOW)


@pytest.mark.parametrize("name", ["server.pem", "server.key"])
@pytest.mark.parametrize("content", [None, b"", b"rubbish", b"-----BEGIN CERTIFICATE-----\nAA"])
def test_broken_files_are_named_and_left_alone(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    ensure(tmp_path, NAMES, NOW)
    broken = tmp_path / "tls" / name
    broken.unlink()
    if content is not None:
        broken.write_bytes(content)
    before = contents(tmp_path / "tls")
    with pytest.raises(ConfigError, match=rf"{name}: (must|cannot).*; put the right file back"):
        ensure(tmp_path, NAMES, NOW)
    assert contents(tmp_path / "tls") == before


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    ensure(tmp_path, NAMES, NOW)
    tls = tmp_path / "tls"
    (tls / "server.key").write_bytes((tls / "ca.key").read_bytes())
    with pytest.raises(ConfigError, match="must be the key of the certificate"):
        ensure(tmp_path, NAMES, NOW)


def test_a_ca_that_is_none_is_refused(tmp_path: Path) -> None:
    ensure(tmp_path, NAMES, NOW)
    tls = tmp_path / "tls"
    (tls / "ca.pem").write_bytes((tls / "server.pem").read_bytes())
    (tls / "ca.key").write_bytes((tls / "server.key").read_bytes())
    with pytest.raises(ConfigError, match="is not a CA of ours"):
        renew(tmp_path, NAMES, NOW)


def test_a_stop_between_certificate_and_key_is_made_up_for(tmp_path: Path) -> None:
    ensure(tmp_path / "a", NAMES, NOW)
    ensure(tmp_path / "b", NAMES, NOW)
    a, b = tmp_path / "a" / "tls", tmp_path / "b" / "tls"
    # As after the first of two renames: b's certificate is in place, its key still waits.
    (a / "server.pem").write_bytes((b / "server.pem").read_bytes())
    (a / "server.key.new").write_bytes((b / "server.key").read_bytes())
    before = {path: path.read_bytes() for path in a.iterdir()}
    only_looked_at = found(tmp_path / "a")
    assert only_looked_at is not None
    assert only_looked_at.key == a / "server.key.new"
    assert {path: path.read_bytes() for path in a.iterdir()} == before
    assert ensure(tmp_path / "a", NAMES, NOW).facts == describe(b / "server.pem")
    assert (a / "server.key").read_bytes() == (b / "server.key").read_bytes()
    assert not (a / "server.key.new").exists()


def test_what_a_stop_before_the_renames_left_is_of_no_matter(tmp_path: Path) -> None:
    ensure(tmp_path, NAMES, NOW)
    (tmp_path / "tls" / "server.key.new").write_bytes(b"half a k")
    assert not ensure(tmp_path, NAMES, NOW).made
    assert renew(tmp_path, NAMES, NOW).made
    assert not list((tmp_path / "tls").glob("*.new"))


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        ensure(tmp_path / "file", NAMES, NOW)


def test_an_own_certificate_is_only_described(tmp_path: Path) -> None:
    made = ensure(tmp_path, NAMES, NOW)
    key = serialization.load_pem_private_key(made.key.read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"open"),
        )
    )
    mine = own(made.certificate, locked, Secret("open"))
    assert (mine.facts, mine.ca, mine.made) == (made.facts, None, False)
    for password in (None, Secret("wrong-canary")):
        with pytest.raises(ConfigError, match=r"locked\.key: must be a private key") as caught:
            own(made.certificate, locked, password)
        assert "canary" not in str(caught.value)
    with pytest.raises(ConfigError, match="cannot be read"):
        own(tmp_path / "none.pem", locked, None)


def test_fingerprints_have_the_form_that_tools_print(tmp_path: Path) -> None:
    facts = describe(ensure(tmp_path, NAMES, NOW).certificate)
    assert len(facts.sha1.split(":")) == 20
    assert len(facts.sha256.split(":")) == 32
    assert facts.sha256 == facts.sha256.upper()


def test_a_certificate_that_a_server_has_shown_is_described(tmp_path: Path) -> None:
    made = ensure(tmp_path, NAMES, NOW)
    alone = replace(made.facts, issuer_not_before=None, issuer_not_after=None)
    assert describe_der(read_der(made.certificate)) == alone
    with pytest.raises(ConfigError, match="no certificate"):
        describe_der(b"no certificate")


def test_the_names_come_from_settings_and_machine() -> None:
    assert names_for(["0.0.0.0", "::", "10.0.0.1"], ["Gate.Example.com"], "HOST.lan.") == (
        "gate.example.com",
        "host.lan",
        "10.0.0.1",
        "localhost",
        "127.0.0.1",
        "::1",
    )
    assert names_for([""], [], "bad host") == ("localhost", "127.0.0.1", "::1")
