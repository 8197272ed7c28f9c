"""What lets a server run and is wrong all the same: seen, told once, and again when it is back."""

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from sessiongate.app.preflight.doubts import (
    AHEAD,
    LOOK_EVERY,
    STORE_EVERY,
    Watch,
    certificate_doubts,
    file_doubts,
    forward_auth_doubts,
    store_doubts,
    upstream_doubts,
)
from sessiongate.app.setup.prepare import certificate_names
from sessiongate.config import Config, load
from sessiongate.store.embedded.audit import AuditFile
from sessiongate.store.embedded.sqlite import SqliteStore
from sessiongate.testing import LIMITS, NO_CAPS, T0, FakeClock, a_session
from sessiongate.tls import certificates
from sessiongate.tls.certificates import Certificates
from tests.docs.pages import ROOT

DAY = timedelta(days=1)


def config_of(folder: Path, **more: Any) -> Config:
    dotted = {name.replace("__", "."): value for name, value in more.items()}
    return load(None, {}, {"server.data_dir": str(folder / "data"), **dotted})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def made(tmp_path: Path, clock: FakeClock) -> Certificates:
    return certificates.ensure(tmp_path / "data", ("gate.example", "*.corp.example"), clock.now())


def says(config: Config, made: Certificates, now: datetime) -> list[tuple[str, bool]]:
    return [(one.sentence, one.serious) for one in certificate_doubts(config, made.facts, now)]


def test_a_good_certificate_raises_no_doubt(
    tmp_path: Path, made: Certificates, clock: FakeClock
) -> None:
    names = ["gate.example", "node1.corp.example", "GATE.example"]
    config = config_of(tmp_path, server__public_names=names)
    assert says(config, made, clock.now()) == []


@pytest.mark.parametrize(
    ("after", "said", "serious"),
    [
        (timedelta(0), "expired at ", True),
        (300 * DAY, "expired at ", True),
        (-timedelta(seconds=1), "ends at ", False),
        (-29 * DAY, "ends at ", False),
        (-398 * DAY, "is of a CA that is not valid before ", True),
    ],
)
def test_the_time_of_a_certificate(
    after: timedelta, said: str, serious: bool, tmp_path: Path, made: Certificates
) -> None:
    now = made.facts.not_after + after
    [(sentence, told)] = says(config_of(tmp_path), made, now)
    assert sentence.startswith(said)
    assert told == serious
    assert "cert renew" in sentence or "the next start renews it" in sentence


def test_a_certificate_that_is_younger_than_its_ca(tmp_path: Path, made: Certificates) -> None:
    now = made.facts.not_before - DAY
    facts = replace(made.facts, issuer_not_before=now)
    [(sentence, serious)] = says(config_of(tmp_path), replace(made, facts=facts), now)
    assert sentence.startswith("is not valid before ")
    assert serious


@pytest.mark.parametrize(
    ("begins", "ends", "said"),
    [
        (300 * DAY, 3000 * DAY, "is of a CA that is not valid before "),
        (-3000 * DAY, timedelta(0), "is of a CA that expired at "),
        (timedelta(0), 3000 * DAY, None),
    ],
)
def test_the_time_of_the_ca_behind_it(
    begins: timedelta,
    ends: timedelta,
    said: str | None,
    tmp_path: Path,
    made: Certificates,
    clock: FakeClock,
) -> None:
    now = clock.now()
    facts = replace(made.facts, issuer_not_before=now + begins, issuer_not_after=now + ends)
    found = says(config_of(tmp_path), replace(made, facts=facts), now)
    assert [(sentence.startswith(said or ""), serious) for sentence, serious in found] == (
        [(True, True)] if said else []
    )
    assert all("cert renew` makes a new CA as well" in sentence for sentence, _ in found)


async def latest_in(config: Config, latest: datetime) -> None:
    """Have a server's store see this time."""
    store = SqliteStore(config.server.data_dir / "sessiongate.db", LIMITS)
    await store.start()
    await store.expire(latest, 1)
    await store.set_message("")
    await store.close()


async def test_a_store_whose_time_is_ahead_of_the_machines(
    tmp_path: Path, made: Certificates
) -> None:
    config = config_of(tmp_path)

    async def doubts(now: datetime) -> list[str]:
        found = await store_doubts(config, lambda: now)
        assert all(one.about == "store" for one in found)
        return [one.sentence for one in found]

    assert await doubts(T0) == []  # no file yet
    await latest_in(config, T0)
    before = sorted(one.name for one in config.server.data_dir.iterdir())
    assert await doubts(T0 - AHEAD) == []
    [sentence] = await doubts(T0 - AHEAD - timedelta(seconds=1))
    assert "is 5 minutes ahead of this machine's clock" in sentence
    [sentence] = await doubts(T0 - 700 * DAY)
    assert sentence.startswith("the latest time in it, 2026-01-01 00:00 UTC, is 700 days ahead")
    assert '"Clock steps" in docs/sessions.md' in sentence
    # Whoever looks may be root, and leaves nothing that a server could not open.
    assert sorted(one.name for one in config.server.data_dir.iterdir()) == before
    watch = Watch(lambda: config, lambda: None, FakeClock(), lambda: T0 - DAY)
    with capture_logs() as lines:
        await watch.look()
    assert [line["about"] for line in lines] == ["store"]


async def test_the_time_of_a_store_that_is_in_use_is_read_as_well(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    store = SqliteStore(config.server.data_dir / "sessiongate.db", LIMITS)
    await store.start()
    await store.expire(T0, 1)
    await store.set_message("")
    assert len(await store_doubts(config, lambda: T0 - DAY)) == 1
    await store.close()


async def test_the_way_out_that_the_page_has_for_sqlite(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    file = config.server.data_dir / "sessiongate.db"
    await latest_in(config, T0)
    page = (ROOT / "docs" / "sessions.md").read_text(encoding="utf-8")
    [statements] = re.findall(r'sqlite3 \S+sessiongate\.db "([^"]*meta[^"]*)"', page)
    store = SqliteStore(file, LIMITS)
    assert await store.start() == T0
    await store.add(a_session(), NO_CAPS)
    await store.audit.write(b"{}", T0)
    await store.close()
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(statements)
    assert await store.start() is None
    await store.close()
    assert AuditFile(file).verify().events == 1


def test_the_way_out_of_the_operators_own_certificate_is_not_ours(
    tmp_path: Path, made: Certificates
) -> None:
    tls = {"server__tls__certificate": made.certificate, "server__tls__key": made.key}
    config = config_of(tmp_path, **{name: str(path) for name, path in tls.items()})
    [(sentence, _)] = says(config, made, made.facts.not_after)
    assert "put a new one in its place" in sentence
    assert "cert renew" not in sentence


def test_a_public_name_that_the_certificate_lacks_is_named(
    tmp_path: Path, made: Certificates, clock: FakeClock
) -> None:
    names = ["gate.example", "vc.example", "deep.node.corp.example", "192.0.2.1"]
    config = config_of(tmp_path, server__public_names=names)
    [(sentence, serious)] = says(config, made, clock.now())
    assert sentence.startswith("is not for vc.example, deep.node.corp.example, 192.0.2.1 of")
    assert not serious


@pytest.mark.parametrize(
    ("mode", "about"),
    [
        (0o600, []),
        (0o640, []),
        (0o660, []),
        (0o604, ["users of local"]),
        (0o602, ["users of local"]),
    ],
)
def test_users_that_others_may_read_or_change(mode: int, about: list[str], tmp_path: Path) -> None:
    config = config_of(tmp_path)
    users = config.server.data_dir / "users.toml"
    users.parent.mkdir()
    users.touch()
    users.chmod(mode)
    found = list(file_doubts(config))
    assert [one.about for one in found] == about
    assert [one.serious for one in found] == [mode == 0o602] * len(found)
    assert all("chmod 600" in one.sentence for one in found)


def test_a_key_that_others_may_read(tmp_path: Path, made: Certificates) -> None:
    assert list(file_doubts(config_of(tmp_path))) == []
    made.key.chmod(0o644)
    [doubt] = file_doubts(config_of(tmp_path))
    assert (doubt.about, doubt.serious) == ("private key", True)
    assert list(file_doubts(config_of(tmp_path, server__plain_http=True))) == []


def test_settings_and_secrets_that_others_may_change_or_read(tmp_path: Path) -> None:
    secret, settings = tmp_path / "secret", tmp_path / "sessiongate.toml"
    secret.write_text("a secret of ours\n", encoding="ascii")
    settings.write_text(
        f'[server]\ndata_dir = "{tmp_path}/data"\n'
        '[store]\nurl = "redis://127.0.0.1"\npassword_file = "secret"\n',
        encoding="utf-8",
    )
    secret.chmod(0o640)
    settings.chmod(0o664)
    assert load(settings).loose == ()
    secret.chmod(0o644)
    settings.chmod(0o666)
    changed, read = (one.sentence for one in file_doubts(load(settings)))
    assert "sessiongate.toml can be changed by every account" in changed
    assert "store.password_file names a file that every account of this machine may read" in read
    assert "a secret of ours" not in changed + read


@pytest.mark.parametrize("mode", [0o640, 0o644])
def test_settings_that_hold_secrets_and_can_be_read_by_all(mode: int, tmp_path: Path) -> None:
    settings = tmp_path / "sessiongate.toml"
    settings.write_text(
        f'[server]\ndata_dir = "{tmp_path}/data"\n'
        '[upstream.vc1]\ntype = "vcenter"\nurl = "https://vc.example"\naccount = "service"\n'
        'username = "svc"\npassword = "a secret of ours"\nroles = ["operator"]\n'
        '[identity.vc]\ntype = "vcenter"\nurl = "https://vc.example"\n'
        '[identity.vc.roles]\nsvc-token = "user"\n[identity.local]\ntype = "file"\n',
        encoding="utf-8",
    )
    settings.chmod(mode)
    found = [one.sentence for one in file_doubts(load(settings))]
    if mode == 0o640:
        assert found == []
        return
    (says,) = found
    assert "sessiongate.toml can be read by every account" in says
    assert "and holds upstream.vc1.password;" in says
    assert "a secret of ours" not in says
    text = settings.read_text(encoding="utf-8")
    (tmp_path / "password").write_text("another", encoding="utf-8")
    (tmp_path / "password").chmod(0o600)
    named = text.replace('password = "a secret of ours"', 'password_file = "password"')
    settings.write_text(named, encoding="utf-8")
    assert list(file_doubts(load(settings))) == []


def test_hosts_of_upstreams_are_names_that_clients_call(
    tmp_path: Path, made: Certificates, clock: FakeClock
) -> None:
    hosts = ["gate.example:9669", "vc1.example", "[2001:db8::1]:443"]
    table = {"type": "vcenter", "url": "https://vc.example", "hosts": hosts}
    config = config_of(tmp_path, **{f"upstream__vc1__{key}": one for key, one in table.items()})
    ((sentence, serious),) = says(config, made, clock.now())
    assert sentence.startswith("is not for vc1.example, 2001:db8::1 of upstream.vc1.hosts")
    assert not serious
    assert {"gate.example", "vc1.example", "2001:db8::1"} <= {*certificate_names(config)}
    (doubt,) = upstream_doubts(config)
    assert (doubt.about, doubt.serious) == ("upstream.vc1", True)


async def test_what_comes_to_pass_is_told_once_and_again_when_it_is_back(
    tmp_path: Path, made: Certificates, clock: FakeClock
) -> None:
    served = made
    config = config_of(tmp_path)
    watch = Watch(lambda: config, lambda: served, clock, clock.now)

    async def told_after(span: timedelta) -> list[str]:
        clock.tick(span)
        with capture_logs() as lines:
            await watch.look()
        assert all(line["log_level"] == "warning" for line in lines)
        return [str(line["why"]).partition(" ")[0] for line in lines]

    assert await told_after(timedelta(0)) == []
    assert await told_after(370 * DAY) == ["ends"]
    assert watch.counts() == {"sessiongate_store_doubts": 0}
    assert await told_after(DAY) == []
    assert await told_after(30 * DAY) == ["expired"]
    assert await told_after(LOOK_EVERY) == []
    later = replace(made.facts, not_after=clock.now() + 90 * DAY)
    served = replace(made, facts=later)
    assert await told_after(LOOK_EVERY) == []
    assert await told_after(90 * DAY) == ["expired"]


async def test_between_two_looks_an_hour_passes(
    tmp_path: Path, made: Certificates, clock: FakeClock
) -> None:
    config = config_of(tmp_path)
    watch = Watch(lambda: config, lambda: made, clock, clock.now)
    await watch.look()
    made.key.chmod(0o644)
    with capture_logs() as lines:
        clock.tick(LOOK_EVERY - timedelta(seconds=1))
        await watch.look()
        assert lines == []
        clock.tick(timedelta(seconds=1))
        await watch.look()
    assert [line["about"] for line in lines] == ["private key"]


async def test_a_store_is_looked_at_once_a_minute_and_no_second_of_a_clock_is_news(
    tmp_path: Path, made: Certificates, clock: FakeClock
) -> None:
    config = config_of(tmp_path)
    watch = Watch(lambda: config, lambda: made, clock, clock.now)
    await watch.look()
    await latest_in(config, clock.now() + DAY / 2)
    clock.tick(STORE_EVERY - timedelta(seconds=1))
    with capture_logs() as lines:
        await watch.look()
        assert lines == []
        for _ in range(3):
            clock.tick(STORE_EVERY)
            await watch.look()
    assert [line["about"] for line in lines] == ["store"]
    assert watch.counts() == {"sessiongate_store_doubts": 1}


async def test_a_store_that_is_away_is_no_news(
    tmp_path: Path, made: Certificates, clock: FakeClock
) -> None:
    nowhere = {"store__url": "redis://127.0.0.1:1", "store__timeout": "1s"}
    config = config_of(tmp_path, **nowhere)
    watch = Watch(lambda: config, lambda: made, clock, clock.now)
    with capture_logs() as lines:
        await watch.look()
    assert lines == []


async def test_settings_that_were_reloaded_are_the_ones_that_are_judged(
    tmp_path: Path, made: Certificates, clock: FakeClock
) -> None:
    names = ["gate.example"]
    config = config_of(tmp_path, server__public_names=names)
    watch = Watch(lambda: config, lambda: made, clock, clock.now)
    with capture_logs() as lines:
        await watch.look()
        assert lines == []
        key = tmp_path / "new.key"
        key.write_bytes(made.key.read_bytes())
        key.chmod(0o604)
        certificate = str(made.certificate)
        config = config_of(
            tmp_path,
            server__public_names=[*names, "new.example"],
            server__tls__certificate=certificate,
            server__tls__key=str(key),
            server__trusted_proxies=["127.0.0.1"],
        )
        made.key.chmod(0o644)  # nobody serves with it any more
        clock.tick(LOOK_EVERY)
        await watch.look()
    told = [(line["about"], str(line["why"])) for line in lines]
    assert [about for about, _ in told] == ["certificate", "private key"]
    assert "new.example" in told[0][1]
    assert str(key) in told[1][1]


def test_sec_33_forward_auth_without_a_proxy_is_a_serious_doubt(tmp_path: Path) -> None:
    assert list(forward_auth_doubts(config_of(tmp_path))) == []
    [doubt] = forward_auth_doubts(config_of(tmp_path, forward_auth__enabled=True))
    assert (doubt.about, doubt.serious) == ("forward-auth", True)
