"""Whether a ZVM of the settings answers, which kind it is, and whether it lets us in."""

import time
from datetime import timedelta

from sessiongate.config.upstreams import Upstream
from sessiongate.errors import BadCredentials, Malformed, UpstreamUnavailable
from sessiongate.secret import Secret
from sessiongate.upstream.exchange import Exchange
from sessiongate.upstream.zvm import Zvm
from sessiongate.wire.zerto_client import Flavor, Grant, ZvmSession

Found = list[tuple[str, str]]
"""Results, "ok", "note" or "problem", each with what was found out."""

_KINDS = {
    Flavor.APPLIANCE: "a ZVM appliance, with tokens of its Keycloak",
    Flavor.CLASSIC: "a classic ZVM, with sessions at /v1/session/add",
}


def zvm_of(
    name: str, settings: Upstream, exchange: Exchange, timeout: timedelta | None = None
) -> Zvm:
    """What calls it."""
    return Zvm(
        name,
        exchange,
        timeout or settings.timeout,
        time.time,
        flavor=None if settings.flavor == "auto" else Flavor(settings.flavor),
        windows=settings.authentication == "windows",
    )


async def look_at_zvm(
    settings: Upstream, exchange: Exchange, within: timedelta, *, login: bool
) -> Found:
    """Look at one. `login` also tries its service account. Raises UpstreamUnavailable."""
    zvm = zvm_of("it", settings, exchange, within)
    found: Found = [("ok", f"{settings.url}: {_KINDS[await zvm.find_flavor()]}")]
    if not login or settings.username is None or settings.password is None:
        return found
    return [*found, await _tried(zvm, settings, settings.username, settings.password)]


async def _tried(zvm: Zvm, settings: Upstream, name: str, password: Secret) -> tuple[str, str]:
    why = await _refused(zvm, settings, name, password)
    if not why:
        return "ok", f"{name} may log in"
    following = settings.next_password
    if following is not None and not await _refused(zvm, settings, name, following):
        says = f"the password of {name} is refused; next_password is taken: make it the password"
        return "note", says
    return "problem", f"the login of {name} is refused: {why}"


async def _refused(zvm: Zvm, settings: Upstream, name: str, password: Secret) -> str:
    """Why the login is refused; "" for one that was good, whose session is over again."""
    try:
        opened = await zvm.login(name, password, Grant(settings.grant))
    except (BadCredentials, Malformed, UpstreamUnavailable) as error:
        return str(error)
    if not isinstance(opened, ZvmSession):
        return "wrong name or password; this counted as a failed login there"
    await zvm.logout(opened)
    return ""
