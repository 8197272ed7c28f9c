"""A server that runs and is not as it should be says so, and so does `check`."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sessiongate.tls import certificates
from tests.end_to_end.serving import Server, run_here
from tests.peers import redis as peer
from tests.peers.redis import Redis

# Each of these starts a server of its own, or several.
pytestmark = pytest.mark.slow

SAYS = "something is not as it should be"


def warned(server: Server, *words: str) -> bool:
    """Whether the log says so, sooner or later."""

    def said(lines: list[str]) -> bool:
        told = [json.loads(line) for line in lines if SAYS in line]
        return any(all(word in f"{one['about']} {one['why']}" for word in words) for one in told)

    return server.log.wait_for(said)


@pytest.fixture
def evicting(tmp_path: Path) -> Iterator[Redis]:
    if why := peer.missing():
        pytest.skip(why)
    options = ("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    with Redis(tmp_path / "redis", options) as running:
        yield running


def test_a_certificate_that_has_expired_is_served_with_a_warning(tmp_path: Path) -> None:
    longer = timedelta(days=400)
    old = certificates.renew(tmp_path / "old", ("127.0.0.1",), datetime.now(UTC) - longer)
    old.key.chmod(0o644)
    settings = (
        f'[server]\npublic_names = ["vc.example"]\n'
        f'[server.tls]\ncertificate = "{old.certificate}"\nkey = "{old.key}"\n'
    )
    with Server(tmp_path / "data", settings) as server:
        assert warned(server, "certificate", "expired at", "put a new one in its place")
        assert warned(server, "certificate", "is not for vc.example")
        assert warned(server, "private key", "can be read by every account", "chmod o-r")
        server.stop()
    done = run_here(
        "check",
        *("--config", str(server.write_settings()), "--data-dir", str(tmp_path / "data")),
        *("--output", "json"),
    )
    rows = [(row["check"], row["result"]) for row in done.json()["checks"]]
    assert done.code == 1
    assert ("certificate", "problem") in rows
    assert ("certificate", "note") in rows
    assert ("private key", "problem") in rows


@pytest.mark.peer
def test_a_redis_that_throws_sessions_away_is_named(evicting: Redis, tmp_path: Path) -> None:
    settings = f'[store]\nurl = "{evicting.url}"\n'
    with Server(tmp_path / "data", settings) as server:
        assert warned(server, "store", "maxmemory-policy allkeys-lru", "set maxmemory-policy noev")
        server.stop()
    done = run_here(
        "check",
        *("--config", str(server.write_settings()), "--data-dir", str(tmp_path / "data")),
        *("--output", "json"),
    )
    [row] = [row for row in done.json()["checks"] if row["check"] == "store"]
    assert row["result"] == "note"
    assert "allkeys-lru" in row["detail"]


def test_a_server_that_is_as_it_should_be_says_nothing(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        server.stop()
        assert SAYS not in server.log.text
