"""Whether each upstream of the settings can be reached, is what they say, and lets us in."""

import asyncio
from collections.abc import Container
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec
from pydantic import ValidationError

from sessiongate.app.operators.running_server import Running
from sessiongate.app.preflight.zvm_checks import look_at_zvm
from sessiongate.config import Config
from sessiongate.config.upstreams import Upstream
from sessiongate.errors import BadCredentials, ConfigError, Malformed, UpstreamUnavailable
from sessiongate.secret import Secret
from sessiongate.tls.certificates import RENEW_BEFORE, CertificateFacts, describe_der
from sessiongate.upstream.exchange import Exchange
from sessiongate.upstream.shown_certificate import shown_certificate
from sessiongate.wire.vim.about_reply import VCENTER, read_about, write_about
from sessiongate.wire.vim.client import (
    REFUSED_LOGINS,
    ReceivedFault,
    WireForm,
    read_login,
    write_login,
    write_logout,
)

# Somebody waits at a terminal.
_PATIENCE = timedelta(seconds=15)
_LARGEST = 256 * 1024


_WHERE_AND_WHOM = ("type", "url", "ca", "fingerprint", "verify")


class CheckedUpstream(msgspec.Struct, frozen=True):
    """One thing found out. `result` is "ok", "note" or "problem", as `check` has it."""

    about: str
    result: str
    detail: str
    is_unreachable: bool = False
    """Whether the problem is that it cannot be reached."""


async def look_at_upstreams(
    config: Config, running: Running | None, *, login: bool
) -> list[CheckedUpstream]:
    """Look at all of them at once, and at those that the running server has by its command line.

    `login` also tries the service accounts, which counts as a try at the upstream.
    """
    elsewhere = _of_running(running, config.upstream) if running is not None else {}
    looks = [_look(f"upstream.{name}", one, login) for name, one in config.upstream.items()]
    looks += [_look(f"upstream.{name}", one, login=False) for name, one in elsewhere.items()]
    found = [one for some in await asyncio.gather(*looks) for one in some]
    says = "the running server has it by its command line; these settings do not"
    return [*found, *(CheckedUpstream(f"upstream.{name}", "note", says) for name in elsewhere)]


def _of_running(running: Running, known: Container[str]) -> dict[str, Upstream]:
    """Upstreams that a running server has and these settings do not, as far as it tells of them."""
    found = {}
    for setting in running.settings:
        table = setting.removesuffix(".url")
        name = table.removeprefix("upstream.")
        if table == setting or name == table or name in known or not running.by_flag(setting):
            continue
        told = {
            key: running.settings[f"{table}.{key}"]["value"]
            for key in _WHERE_AND_WHOM
            if running.by_flag(f"{table}.{key}")
        }
        with suppress(ValidationError):  # a server of another release
            found[name] = Upstream.model_validate(told)
    return found


async def _look(about: str, settings: Upstream, login: bool) -> list[CheckedUpstream]:
    certificate = await _certificate(settings)
    shown = ""
    if certificate is not None:
        until = f"{certificate.not_after:%Y-%m-%d}"
        shown = f"; its certificate: valid until {until}, SHA-256 {certificate.sha256}"
    try:
        name = about.removeprefix("upstream.")
        exchange = Exchange(settings.url, settings.trust(), name=name, proxy=settings.proxy)
    except OSError as error:
        return [CheckedUpstream(about, "problem", f"ca: cannot be read: {error.strerror}")]
    try:
        if settings.type == "zvm":
            found = await look_at_zvm(settings, exchange, _PATIENCE, login=login)
            told = [(found[0][0], f"{found[0][1]}{shown}"), *found[1:]]
            rows = [CheckedUpstream(about, *one) for one in told]
            return [rows[0], *_doubts(about, settings, certificate), *rows[1:]]
        answer = await exchange.exchange(write_about(), within=_PATIENCE, largest=_LARGEST)
        said = read_about(answer)
        if said.api_type != VCENTER:
            kind = said.api_type or "nothing"
            why = f"it is no vCenter: it calls itself {said.full_name or kind} ({kind})"
            return [CheckedUpstream(about, "problem", f"{settings.url}: {why}")]
        ours = f"{settings.url}: {said.full_name}, API {said.api_version}{shown}"
        rows = [CheckedUpstream(about, "ok", ours), *_doubts(about, settings, certificate)]
        if login and settings.username is not None:
            rows.append(await _try(about, settings, exchange))
    except UpstreamUnavailable as error:
        away = not exchange.is_untrusted
        return [CheckedUpstream(about, "problem", f"{settings.url}: {error}{shown}", away)]
    except Malformed as error:
        why = f"what answers is no vCenter: {error}"
        return [CheckedUpstream(about, "problem", f"{settings.url}: {why}{shown}")]
    finally:
        await exchange.close()
    return rows


def _doubts(
    about: str, settings: Upstream, certificate: CertificateFacts | None
) -> list[CheckedUpstream]:
    rows = []
    if settings.trust().is_blind:
        says = "whoever answers at the address is believed, and hears passwords; give fingerprint"
        rows.append(CheckedUpstream(about, "note", says))
    if certificate is not None and certificate.not_after - datetime.now(UTC) < RENEW_BEFORE:
        ends = f"its certificate ends at {certificate.not_after:%Y-%m-%d %H:%M} UTC"
        way = "where fingerprint names it, name the next one beside it"
        rows.append(CheckedUpstream(about, "note", f"{ends}; {way}"))
    return rows


async def _try(about: str, settings: Upstream, exchange: Exchange) -> CheckedUpstream:
    name, password, following = settings.username, settings.password, settings.next_password
    assert name is not None  # noqa: S101  the checks of the settings
    assert password is not None  # noqa: S101
    refused = await _refused(name, password, exchange)
    if not refused:
        return CheckedUpstream(about, "ok", f"{name} may log in")
    if refused in REFUSED_LOGINS and following is not None and not following.same_as(password):
        why = f"the password of {name} is refused, which counted as a failed login there"
        refused = await _refused(name, following, exchange)
        if not refused:
            says = f"{why}; next_password is taken: make it the password"
            return CheckedUpstream(about, "note", says)
    counts = "; this counted as a failed login there" if refused in REFUSED_LOGINS else ""
    return CheckedUpstream(about, "problem", f"the login of {name} is refused: {refused}{counts}")


async def _refused(name: str, password: Secret, exchange: Exchange) -> str:
    """Why the login is refused; "" for one that was good, whose session is over again."""
    try:
        ask = write_login(WireForm.SOAP, name, password)
    except BadCredentials as error:
        return str(error)
    answer = await exchange.exchange(ask, within=_PATIENCE, largest=_LARGEST)
    outcome = read_login(WireForm.SOAP, answer)
    if isinstance(outcome, ReceivedFault):
        return outcome.name or "a fault that is not known"
    logout = write_logout(WireForm.SOAP, outcome.token)
    await exchange.exchange(logout, within=_PATIENCE, largest=_LARGEST)
    return ""


async def _certificate(settings: Upstream) -> CertificateFacts | None:
    """The certificate that is shown there, believed or not; None for none."""
    shown = await shown_certificate(settings.url, settings.proxy, _PATIENCE.total_seconds())
    try:
        return describe_der(shown) if shown else None
    except ConfigError:
        return None
