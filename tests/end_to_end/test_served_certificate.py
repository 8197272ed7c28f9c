"""The commands about the certificate: what `serve` would refuse, and what is really served."""

import json
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from sessiongate.tls import certificates
from tests.end_to_end.many import wait_for
from tests.end_to_end.serving import Finished, Server, run_command, run_here

pytestmark = pytest.mark.slow

NAMES = ("127.0.0.1", "localhost")


def made(folder: Path) -> certificates.Certificates:
    return certificates.renew(folder, NAMES, datetime.now(UTC))


def locked(key: Path, password: str) -> Path:
    """The same key, which this password opens."""
    read = serialization.load_pem_private_key(key.read_bytes(), None)
    path = key.with_name("locked.key")
    path.write_bytes(
        read.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(password.encode()),
        )
    )
    return path


def rows(done: Finished, check: str) -> list[dict[str, str]]:
    return [row for row in done.json()["checks"] if row["check"] == check]


def settings_with(tmp_path: Path, what: str) -> str:
    one, other = made(tmp_path / "one"), made(tmp_path / "other")
    key, more = one.key, ""
    match what:
        case "another's":
            key = other.key
        case "missing":
            key = tmp_path / "nowhere.key"
        case "locked":
            key = locked(one.key, "canary-77")
        case "wrong password":
            key, more = locked(one.key, "canary-77"), 'key_password = "canary-78"\n'
        case "right password":
            key, more = locked(one.key, "canary-77"), 'key_password = "canary-77"\n'
        case "no key":
            key = one.certificate
    return (
        '[server]\nlisten = ["127.0.0.1:0"]\n[admin]\nlisten = "off"\n'
        f'[server.tls]\ncertificate = "{one.certificate}"\nkey = "{key}"\n{more}'
    )


REFUSED = ("another's", "missing", "locked", "wrong password", "no key")


@pytest.mark.parametrize("what", REFUSED)
def test_check_refuses_a_key_that_serve_refuses(what: str, tmp_path: Path) -> None:
    file = tmp_path / "gate.toml"
    file.write_text(settings_with(tmp_path, what))
    given = ("--config", str(file), "--data-dir", str(tmp_path / "data"))
    refused = run_command("serve", *given)
    assert refused.code == 2, refused
    found = run_here("check", *given, "--output", "json")
    assert found.code == 1, found
    [row] = rows(found, "certificate")
    assert row["result"] == "problem"
    assert row["detail"] in refused.err
    assert "canary" not in found.out + found.err + refused.err


@pytest.mark.parametrize("what", ["its own", "right password"])
def test_check_takes_a_key_that_serve_takes(what: str, tmp_path: Path) -> None:
    file = tmp_path / "gate.toml"
    file.write_text(settings_with(tmp_path, what))
    data = tmp_path / "data"
    found = run_here("check", "--config", str(file), "--data-dir", str(data), "--output", "json")
    assert [row["result"] for row in rows(found, "certificate")] == ["ok"]
    assert not data.exists()


@pytest.mark.parametrize("what", ["another's", "missing", "no key"])
def test_check_refuses_our_own_files_as_serve_does(what: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    ours, other = made(data), made(tmp_path / "other")
    match what:
        case "another's":
            ours.key.write_bytes(other.key.read_bytes())
        case "missing":
            ours.key.unlink()
        case "no key":
            ours.key.write_text("nothing")
    before = {path: path.read_bytes() for path in (data / "tls").iterdir()}
    given = ("--data-dir", str(data))
    refused = run_command("serve", *given, "--listen", "127.0.0.1:0")
    assert refused.code == 2, refused
    found = run_here("check", *given, "--output", "json")
    assert found.code == 1
    [row] = rows(found, "certificate")
    assert row["detail"] in refused.err
    assert {path: path.read_bytes() for path in (data / "tls").iterdir()} == before


def test_what_is_served_is_told_from_what_is_in_the_file(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        served = server.run("cert", "show", "--output", "json").json()
        assert served["served_sha256_fingerprint"] == served["sha256_fingerprint"]
        assert server.run("cert", "show").err == ""
        renewed = server.run("cert", "renew")
        assert "SIGHUP" in renewed.err
        shown = server.run("cert", "show", "--output", "json")
        facts = shown.json()
        assert facts["served_sha256_fingerprint"] == served["sha256_fingerprint"]
        assert facts["sha256_fingerprint"] != served["sha256_fingerprint"]
        told = server.run("cert", "show")
        assert served["sha256_fingerprint"] in told.out
        assert facts["sha256_fingerprint"] in told.out
        assert "SIGHUP" in told.err
        notes = rows(server.run("check", "--output", "json"), "certificate")
        [row] = [row for row in notes if row["result"] == "note"]
        assert served["sha256_fingerprint"] in row["detail"]
        assert facts["sha256_fingerprint"] in row["detail"]
        assert "SIGHUP" in row["detail"]
        server.stop()
    without = server.run("cert", "show", "--output", "json").json()
    assert without["served_sha256_fingerprint"] is None
    renewed = server.run("cert", "renew")
    assert "SIGHUP" not in renewed.err
    assert "the next start takes it" in renewed.err


def test_sec_90_the_log_names_a_certificate_that_was_taken(tmp_path: Path) -> None:
    settings = '[server]\nlisten = ["127.0.0.1:0"]\n[admin]\nlisten = "off"\n'
    with Server(tmp_path / "data", settings) as server:
        renewed = json.loads(server.run("cert", "renew", "--output", "json").out)
        server.signal(signal.SIGHUP)
        [line] = wait_for(server, "settings read again", 1)
        assert line["changed"] == ["certificate"]
        assert line["sha256"] == renewed["sha256_fingerprint"]
        server.signal(signal.SIGHUP)
        line = wait_for(server, "settings read again", 2)[-1]
        assert line["changed"] == []
        assert "sha256" not in line
        [row] = rows(server.run("check", "--output", "json"), "certificate")
        assert row["result"] == "ok"
        server.stop()
