"""One look at the upstream of a trial, before `dev` says that it stands before it."""

import asyncio
import ssl
from threading import Thread
from urllib.parse import urlsplit

from sessiongate.cli.output import Exit, fail, note
from sessiongate.config.upstreams import Upstream
from sessiongate.upstream.shown_certificate import why_untrusted

WITHIN = 2.0
"""Seconds that somebody waits for it at the start."""

AWAY = "it cannot be reached now; clients get 503 until it can"


def look_at(upstream: Upstream) -> None:
    """Fail where its certificate is not the one to be trusted; note where it cannot be reached."""
    untrusted: list[str] = []
    reached: list[bool] = []

    def look() -> None:
        try:
            untrusted.append(asyncio.run(_why_untrusted(upstream)))
        except OSError:  # TimeoutError is one
            return
        reached.append(True)

    # Looking a name up has no bound of its own: that is what the thread is for.
    thread = Thread(target=look, daemon=True)
    thread.start()
    thread.join(2 * WITHIN)
    if any(untrusted):
        fail(Exit.SETTINGS, f"--upstream {upstream.url}: {untrusted[0]}")
    if not reached:
        note(f"--upstream {upstream.url}: {AWAY}")


async def _why_untrusted(upstream: Upstream) -> str:
    """Why its certificate is not believed, "" where it is. Raises OSError where it is away."""
    parts, trust = urlsplit(upstream.url), upstream.trust()
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    context = trust.context() if secure else None
    try:
        async with asyncio.timeout(WITHIN):
            _, writer = await asyncio.open_connection(parts.hostname, port, ssl=context)
    except ssl.SSLCertVerificationError as error:
        return await why_untrusted(error, trust, upstream.url, None, "--", WITHIN)
    writer.close()
    return ""
