"""The certificate that a server shows, believed or not, and what to say of one that is not."""

import asyncio
import ssl
from hashlib import sha256
from urllib.parse import urlsplit

from sessiongate.errors import UpstreamUnavailable
from sessiongate.tls.trust import AnotherFingerprint, Trust
from sessiongate.upstream.tunnel import tunnel


async def shown_certificate(url: str, proxy: str | None, within: float) -> bytes | None:
    """The certificate that is shown at an https URL, in DER; None for none within these seconds."""
    parts = urlsplit(url)
    if parts.scheme != "https":
        return None
    context = ssl.create_default_context()
    # Nothing is sent, and nothing believed: whether it is the right one, others find out.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(within):
            writer = await _connect(proxy, parts.hostname or "", parts.port or 443, context)
    except (OSError, UpstreamUnavailable):  # TimeoutError and ssl.SSLError are OSErrors
        return None
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        return shown or None
    finally:
        writer.close()


async def _connect(
    proxy: str | None, host: str, port: int, context: ssl.SSLContext
) -> asyncio.StreamWriter:
    if proxy is None:
        _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    else:
        through = await tunnel(proxy, host, port)
        _, writer = await asyncio.open_connection(sock=through, ssl=context, server_hostname=host)
    return writer


async def why_untrusted(
    error: ssl.SSLError, trust: Trust, url: str, proxy: str | None, table: str, within: float
) -> str:
    """Why its certificate is not believed: its fingerprint, and the setting that would have it.

    `table` is the one of the settings that says whom to believe, such as "upstream.vc1"; "" where
    whoever reads it knows, and "--" where options of a command say it.
    """
    if isinstance(error, AnotherFingerprint):
        shown, why = error.shown, "its fingerprint is another one"
    else:
        der = await shown_certificate(url, proxy, within)
        shown = "" if der is None else sha256(der).hexdigest()
        why = getattr(error, "verify_message", "").rstrip(".") or "it cannot be verified"
    at = f"{table}." if table.strip("-") else table
    # The setting that was asked comes first.
    first, other = ("fingerprint", "ca") if trust.fingerprints or trust.ca is None else ("ca", "")
    settings = f"{at}{first}" + (f" or {at}{other}" if other else f" and {at}fingerprint")
    seen = f"sha256 Fingerprint={colons(shown)}" if shown else "no certificate was seen"
    return (
        f"its certificate is not the one to be trusted: {why}; {settings} says which is, and what"
        f" was shown is {seen}"
    )


def colons(digest: str) -> str:
    """A fingerprint as people compare it."""
    digest = digest.upper()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))
