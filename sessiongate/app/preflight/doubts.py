"""What lets a server run and is wrong all the same: told by `check`, at the start, when it comes.

A certificate that clients refuse, keys and users that others may read or change, listeners at
which clients cannot be told apart, upstreams that nobody can use, a Redis that throws sessions
away. Each is a sentence with its way out. Nothing here is mended, and nothing stops a server:
whoever sees the warning knows what it is worth.
"""

import asyncio
import re
import stat
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import structlog

from sessiongate.app import build as parts
from sessiongate.clock import Clock
from sessiongate.config import Config
from sessiongate.config.addresses import without_port
from sessiongate.config.forward_auth_doubts import forward_auth_doubts as doubts_of_forward_auth
from sessiongate.config.upstream_doubts import upstream_doubts as doubts_of_upstreams
from sessiongate.errors import ConfigError, StoreUnavailable
from sessiongate.identity.local.users_path import users_path
from sessiongate.tls.certificates import RENEW_BEFORE, CertificateFacts, Certificates

# Certificates and files change by the day.
LOOK_EVERY = timedelta(hours=1)

# Somebody may set a Redis that runs to throw sessions away. To ask takes milliseconds.
STORE_EVERY = timedelta(minutes=1)

# A restart takes seconds, and clocks that a time service keeps differ by less. Beyond this the
# tokens of issuers begin to fail.
AHEAD = timedelta(minutes=5)

# What a store has not said by then it says at the next look.
_PATIENCE = timedelta(seconds=30)

_NUMBER = re.compile(r"\d+")

_log = structlog.get_logger("sessiongate")


class Doubt(msgspec.Struct, frozen=True):
    """One thing that is wrong. `serious` where clients are refused or a secret is open already."""

    about: str
    """What it is about, as `check` names its rows."""
    sentence: str
    serious: bool = False


def certificate_doubts(config: Config, facts: CertificateFacts, now: datetime) -> Iterator[Doubt]:
    """What clients will not like about the certificate that is served."""
    ours = config.server.tls.certificate is None
    renew = "`sessiongate cert renew` makes a new one" if ours else "put a new one in its place"
    until = f"{facts.not_after:%Y-%m-%d %H:%M} UTC"
    if of_ca := _ca_doubt(facts, now, ours=ours):
        yield Doubt("certificate", of_ca, True)
    elif facts.not_after <= now:
        yield Doubt("certificate", f"expired at {until}, and clients refuse it; {renew}", True)
    elif facts.not_before > now:
        begins = f"{facts.not_before:%Y-%m-%d %H:%M} UTC"
        yield Doubt(
            "certificate",
            f"is not valid before {begins}, and clients refuse it until then; set this machine's"
            f" clock right, or {renew}",
            True,
        )
    elif facts.not_after - now < RENEW_BEFORE:
        way = "the next start renews it" if ours else f"{renew} before that"
        yield Doubt("certificate", f"ends at {until}; {way}")
    called = {"server.public_names": config.server.public_names}
    for upstream, table in config.upstream.items():
        called[f"upstream.{upstream}.hosts"] = tuple(map(without_port, table.hosts))
    for setting, names in called.items():
        lacking = [name for name in dict.fromkeys(filter(None, names)) if not _covered(name, facts)]
        if lacking:
            yield Doubt(
                "certificate",
                f"is not for {', '.join(lacking)} of {setting}, so clients who call us that"
                f" refuse it; it is for {', '.join(facts.names) or 'no name'}; {renew}",
            )


def _ca_doubt(facts: CertificateFacts, now: datetime, *, ours: bool) -> str:
    """What clients dislike about the CA that stands behind the certificate in its file, or ""."""
    renew = (
        "`sessiongate cert renew` makes a new CA as well, which clients then have to trust"
        if ours
        else "put a certificate of a valid CA in its place"
    )
    begins, until = facts.issuer_not_before, facts.issuer_not_after
    if until is not None and until <= now:
        expired = f"{until:%Y-%m-%d %H:%M} UTC"
        return f"is of a CA that expired at {expired}, and clients refuse it; {renew}"
    if begins is not None and begins > now:
        return (
            f"is of a CA that is not valid before {begins:%Y-%m-%d %H:%M} UTC, and clients refuse"
            f" it until then; set this machine's clock right, or where that is right: {renew}"
        )
    return ""


def _covered(name: str, facts: CertificateFacts) -> bool:
    names = facts.names
    name = name.lower().rstrip(".")
    star = "*." + name.partition(".")[2]
    return name in names or ("." in name and star in names)


def file_doubts(config: Config) -> Iterator[Doubt]:
    """Files that other accounts may read or change, and must not."""
    data_dir, own_key = config.server.data_dir, config.server.tls.key
    key = own_key or data_dir / "tls" / "server.key"
    if not config.server.plain_http and _mode(key) & stat.S_IROTH:
        yield Doubt(
            "private key",
            f"{key} can be read by every account of this machine; chmod o-r, and have a new"
            " certificate made if anybody else has one here",
            True,
        )
    for name, table in config.identity.items():
        if table.get("type") != "file":
            continue
        try:
            path = users_path(name, table, data_dir)
        except ConfigError:
            continue  # a problem, which is told as one
        if _mode(path) & stat.S_IWOTH:
            yield Doubt(
                f"users of {name}",
                f"{path} can be changed by every account of this machine, who may make itself an"
                " administrator; chmod 600",
                True,
            )
        elif _mode(path) & stat.S_IROTH:
            yield Doubt(
                f"users of {name}",
                f"{path} can be read by every account of this machine, who may then guess at the"
                " passwords; chmod 600",
            )
    for about in config.loose:
        yield Doubt("settings", about)


def _mode(path: Path) -> int:
    """Who may do what with this file, by its mode. Nobody anything, where we cannot tell."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0


def listener_doubts(config: Config) -> Iterator[Doubt]:
    """Listeners that are right without a proxy in front, or with one that is named."""
    server = config.server
    by_tcp = any(one.host for one in server.listen)
    if server.plain_http and by_tcp and not any(one != "unix" for one in server.trusted_proxies):
        yield Doubt(
            "listeners",
            "server.plain_http is on, and server.trusted_proxies names no address: all clients of"
            " whatever ends TLS in front count as one, are locked out together, and get cookies"
            " without Secure. Name its address in server.trusted_proxies",
        )
    if any(one.path for one in server.listen) and "unix" not in server.trusted_proxies:
        yield Doubt(
            "listeners",
            'server.listen has a Unix socket, and server.trusted_proxies does not name "unix".'
            " Where a proxy comes by it, all its clients count as one local user: name it there."
            " Where only programs of this host do, all is well",
        )


def upstream_doubts(config: Config) -> Iterator[Doubt]:
    """Tables of upstreams that are probably mistakes."""
    for about, says, serious in doubts_of_upstreams(config):
        yield Doubt(about, says, serious)


def forward_auth_doubts(config: Config) -> Iterator[Doubt]:
    """Settings of forward-auth that are probably mistakes."""
    for says, serious in doubts_of_forward_auth(config):
        yield Doubt("forward-auth", says, serious)


async def store_doubts(config: Config, now: Callable[[], datetime]) -> list[Doubt]:
    """What is doubtful about the store. Raises StoreUnavailable."""
    kind, settings = parts.store_kind_of(config), parts.store_settings_of(config)
    found = await kind.doubts(settings, now) if kind.doubts is not None else []
    latest = await kind.latest(settings) if kind.latest is not None else None
    if latest is not None and latest - now() > AHEAD:
        found = [*found, _ahead(latest, latest - now())]
    return [Doubt("store", doubt) for doubt in found]


def _ahead(latest: datetime, by: timedelta) -> str:
    """What follows from a store whose latest time this machine's clock has not reached."""
    span = f"{by.days} days" if by.days else f"{by.total_seconds() / 60:.0f} minutes"
    return (
        f"the latest time in it, {latest:%Y-%m-%d %H:%M} UTC, is {span} ahead of this machine's"
        " clock. A server goes on from that time: times in lists and in the audit are ahead, and"
        " tokens of issuers count as expired. Set this machine's clock right; where it is right"
        ' already, the way out is under "Clock steps" in docs/sessions.md'
    )


def _without_numbers(doubt: Doubt) -> str:
    return _NUMBER.sub("", doubt.sentence)


class Watch:
    """Looks now and then, and warns of what was not there before.

    `config` and `served` say what is in force when they are called. `wall` is the machine's time,
    by which clients judge a certificate; the server's own may be ahead of it.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        served: Callable[[], Certificates | None],
        clock: Clock,
        wall: Callable[[], datetime],
    ) -> None:
        self._wall = wall
        self._config = config  # asked anew at each look: a reload changes it
        self._served = served
        self._clock = clock
        self._logged: set[Doubt] = set()
        self._next: datetime | None = None
        self._store_next: datetime | None = None
        self._of_store: set[Doubt] | None = None

    def counts(self) -> dict[str, float]:
        """What metrics show of it, once the store was looked at."""
        if self._of_store is None:
            return {}
        return {"sessiongate_store_doubts": len(self._of_store)}

    async def look(self) -> None:
        """Warn of what is doubtful now. What is told stays told.

        Between looks an hour passes, and a minute between those at the store.
        """
        now = self._clock.now()
        if self._store_next is None or now >= self._store_next:
            self._store_next = now + STORE_EVERY
            await self._look_at_store()
        if self._next is None or now >= self._next:
            self._next = now + LOOK_EVERY
            found = self._found()
            self._warn(found - self._logged)
            self._logged = found

    def _found(self) -> set[Doubt]:
        """What is doubtful in files and settings."""
        config = self._config()
        found = {
            *file_doubts(config),
            *listener_doubts(config),
            *forward_auth_doubts(config),
            *upstream_doubts(config),
        }
        served = self._served()
        if served is not None:
            found |= set(certificate_doubts(config, served.facts, self._wall()))
        return found

    async def _look_at_store(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE.total_seconds()):
                found = set(await store_doubts(self._config(), self._wall))
        except (StoreUnavailable, TimeoutError):  # an outage is told by whoever needs the store
            return
        # By how many seconds a clock is off is another each time, and no other doubt.
        before = {_without_numbers(one) for one in self._of_store or ()}
        self._warn({one for one in found if _without_numbers(one) not in before})
        self._of_store = found

    def _warn(self, new: set[Doubt]) -> None:
        for doubt in sorted(new, key=lambda one: one.about):
            _log.warning("something is not as it should be", about=doubt.about, why=doubt.sentence)
