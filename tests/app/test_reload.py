"""What of the settings can change while the server runs, and what is said of the rest."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sessiongate.app.reload import TAKEN, changes, merged, reload_when
from sessiongate.config import Config, leaves, load
from sessiongate.errors import ConfigError
from tests.until import until

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


def settings(**more: object) -> Config:
    return load(None, {}, {name.replace("__", "."): value for name, value in more.items()})


OLD = settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("server.limits.connections", 10),
        ("server.limits.shutdown_delay", "5s"),
        ("server.limits.anonymous_body", "1KiB"),
        ("server.public_names", ["gate.example.com"]),
        ("audit.max_events", 10),
        ("audit.max_age", "1d"),
    ],
)
def test_sec_90_what_can_change_does(name: str, value: object) -> None:
    new = load(None, {}, {name: value})
    assert changes(OLD, new) == ([name], [])
    assert dict(leaves(merged(OLD, new))) == dict(leaves(new))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("server.listen", ["127.0.0.1:1"]),
        ("server.data_dir", "/elsewhere"),
        ("server.plain_http", True),
        ("admin.listen", "off"),
        ("sessions.idle_timeout", "1m"),
        ("store.url", "memory:"),
        ("audit.file", "/a"),
        ("roles.auditor.privileges", []),
    ],
)
def test_sec_90_what_takes_a_restart_is_named_and_stays(name: str, value: object) -> None:
    new = load(None, {}, {name: value, "audit.max_events": 7})
    taken, left = changes(OLD, new)
    assert taken == ["audit.max_events"]
    assert left == [name]
    kept = dict(leaves(merged(OLD, new)))
    assert kept.pop(("audit", "max_events")) == 7
    assert kept == {path: one for path, one in leaves(OLD) if path != ("audit", "max_events")}


def test_sec_90_a_changed_secret_is_noticed_and_not_shown() -> None:
    url = {"store.url": "redis://x"}
    one, two = (load(None, {}, {**url, "store.password": word}) for word in ("hunter2", "hunter3"))
    assert changes(one, two) == ([], ["store.password"])
    assert changes(one, one) == ([], [])


def test_sec_90_the_page_names_what_can_change() -> None:
    text = PAGE.read_text(encoding="utf-8")
    section = text.partition("## Reloading")[2].partition("\n## ")[0]
    for name in TAKEN:
        assert f"`{name.removesuffix('.')}" in section


async def asked(
    reread: Callable[[], Config] | None, take: Callable[[Config], None] | None = None
) -> list[dict[str, object]]:
    """What is said when somebody asks once."""

    async def taking(new: Config) -> str:
        if take is not None:
            take(new)
        return ""

    again = asyncio.Event()
    again.set()
    with capture_logs() as logs:
        task = asyncio.create_task(reload_when(again, reread, lambda: OLD, taking))
        await until(lambda: bool(logs) and not again.is_set())
        assert not task.done()
        task.cancel()
    return [dict(line) for line in logs]


async def test_sec_90_what_was_done_is_said() -> None:
    new = load(None, {}, {"audit.max_events": 7, "admin.listen": "off"})
    first, second = await asked(lambda: new)
    assert (first["event"], first["changed"]) == ("settings read again", ["audit.max_events"])
    assert second["event"] == "settings that take a restart"
    assert second["settings"] == ["admin.listen"]


async def test_sec_90_settings_with_a_problem_change_nothing_and_say_why() -> None:
    def broken() -> Config:
        raise ConfigError(["server.limits.body: must be a size"])

    def refuse(_: Config) -> None:
        raise ConfigError(["tls.key: does not open"])

    for logs in (await asked(broken), await asked(lambda: OLD, refuse)):
        (line,) = logs
        assert line["event"] == "settings not reloaded"
        assert line["log_level"] == "error"
        assert str(line["why"]).startswith("['")


async def test_sec_90_a_fault_that_nobody_foresaw_ends_no_reloading() -> None:
    def faulty() -> Config:
        raise ValueError("hunter2")

    def full(_: Config) -> None:
        raise OSError(28, "No space left on device")

    for logs in (await asked(faulty), await asked(lambda: OLD, full)):
        (line,) = logs
        assert line["event"] == "settings not reloaded"
        assert line["error"] in ("ValueError", "OSError")
        assert line["at"]
        assert "hunter2" not in str(line)


async def test_sec_90_a_server_without_settings_to_read_says_so() -> None:
    (line,) = await asked(None)
    assert line["event"] == "settings not reloaded"
