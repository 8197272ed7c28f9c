"""What an administrator should look at, each with where to go. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote, urlencode

import msgspec

from sessiongate.rules.leaks import SEVERAL, ClientRow
from sessiongate.rules.name_pattern import pattern_of
from sessiongate.telemetry.upstream_counters import UpstreamNow

FULL = 0.8
"""Of a cap: from here on it is told."""

SOON = 30
"""Days that a certificate has left: from here on it is told."""

# Sessions that nobody logged out, and the share of all, from which on a client is told of.
_LEFT, _SHARE = 10, 0.5

_MOST_CLIENTS = 5

_DAY = 86_400


class Notice(msgspec.Struct, frozen=True):
    """One thing to look at."""

    text: str
    link: str
    """Below `/console/`; "" where no page has more of it."""


def attention(
    values: Mapping[str, float],
    cap: int,
    upstreams: Mapping[str, UpstreamNow],
    providers: Mapping[str, bool],
    clients: Sequence[ClientRow],
    now: datetime,
) -> list[Notice]:
    """What there is to look at. `cap` is of all sessions, 0 for none; `clients` are ranked.

    `providers` says which of them answer.
    """
    return [
        *_full(values, cap, upstreams),
        *_unreachable_providers(providers),
        *_locked(values),
        *_audit(values),
        *_certificate(values, now),
        *_leaks(clients),
    ]


def _full(
    values: Mapping[str, float], cap: int, upstreams: Mapping[str, UpstreamNow]
) -> Iterator[Notice]:
    live = values.get("sessiongate_sessions_live")
    if live is None:
        yield Notice("The session store does not answer.", "")
    elif cap and live > FULL * cap:
        yield Notice(f"{live:.0f} of {cap} sessions are open (sessions.max_total).", "leaks")
    for name, there in upstreams.items():
        page = f"pools/{quote(name, safe='')}"
        if there.breaker_open:
            yield Notice(f"{name} does not answer, or refuses our logins.", page)
        used = sum(there.sessions.values())
        if there.most and used > FULL * there.most:
            yield Notice(f"{used} of {there.most} sessions at {name} are in use.", page)


def _unreachable_providers(providers: Mapping[str, bool]) -> Iterator[Notice]:
    for name, answers in providers.items():
        if not answers:
            text = f"The identity provider {name} does not answer: nobody logs in by it."
            yield Notice(text, "audit?result=unavailable")


def _locked(values: Mapping[str, float]) -> Iterator[Notice]:
    if names := values.get("sessiongate_names_locked"):
        what = "1 name is" if names == 1 else f"{names:.0f} names are"
        yield Notice(f"{what} locked after failed logins.", "users")


def _audit(values: Mapping[str, float]) -> Iterator[Notice]:
    if lost := values.get("sessiongate_audit_events_lost_total"):
        yield Notice(f"{lost:.0f} events of the audit were lost: the store refused.", "audit")
    if lost := values.get("sessiongate_audit_copies_lost_total"):
        yield Notice(
            f"{lost:.0f} copies of audit events were lost (audit.file, audit.syslog).", "audit"
        )


def _certificate(values: Mapping[str, float], now: datetime) -> Iterator[Notice]:
    days = days_left(values, now)
    if days is not None and days < SOON:
        left = "1 day" if days == 1 else f"{days} days"
        what = f"ends in {left}" if days >= 0 else "has ended"
        yield Notice(f"The certificate {what}.", "")


def days_left(values: Mapping[str, float], now: datetime) -> int | None:
    """Days that the certificate has left; None without one."""
    until = values.get("sessiongate_certificate_not_after_seconds")
    return None if until is None else int((until - now.timestamp()) // _DAY)


def _leaks(clients: Sequence[ClientRow]) -> Iterator[Notice]:
    leaky = [one for one in clients if one.not_logged_out >= _LEFT and (one.share or 0) >= _SHARE]
    for one in leaky[:_MOST_CLIENTS]:
        text = (
            f"{one.user} with {one.agent} at {one.address} left {one.not_logged_out} sessions"
            " open in the last hour."
        )
        yield Notice(text, sessions_of(one))


def sessions_of(client: ClientRow) -> str:
    """The list of this client's sessions, also those of its other programs: below `/console/`."""
    address = "" if client.address == SEVERAL else client.address
    facts = {"user": pattern_of(client.user), "address": address, "provider": client.provider}
    return f"sessions?{urlencode({name: value for name, value in facts.items() if value})}"
