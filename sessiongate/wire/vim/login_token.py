"""Tokens that a LoginByToken carries beside its arguments, found and not yet read.

In SOAP a SAML assertion stands in the Security header, as pyVmomi and govmomi send it; in any form
`Authorization: Bearer` holds an OAuth token. For SAML where there is no SOAP header, the vendor's
`Authorization: SIGN token="..."` is taken too, the assertion packed with gzip and base64; what
VI/JSON servers really take is not published.
"""

import re
import zlib
from base64 import b64decode
from collections.abc import Iterable

from sessiongate.secret import Secret
from sessiongate.session import BEARER, PresentedToken
from sessiongate.wire.carriers import scheme_of

METHOD = "LoginByToken"
"""The one method that looks at such a token. pyVmomi sends it along with all the others, too."""

# The names of parameters have no case, and blanks may stand around the sign (RFC 9110, 11.2).
_SIGN = re.compile(r'(?i:\btoken)[ \t]*=[ \t]*"([A-Za-z0-9+/=]+)"')

LARGEST = 256 * 1024
"""Bytes of a document with an assertion, which has 150 KiB with a thousand groups. More is not
unpacked, however small it came, and not read for who has shown no session."""

_GZIP = 31
"""What zlib calls the format, with its largest window."""


def presented(
    headers: Iterable[tuple[str, str]], document: bytes | None = None
) -> PresentedToken | None:
    """The one token of a request; None where there is none, more than one, or it is unreadable.

    `document` is the whole SOAP document, if an assertion stands in its header.
    """
    values = [value for name, value in headers if name == "authorization"]
    found = [one for value in values if (one := _authorization(value)) is not None]
    if document is not None:
        found.append(PresentedToken.of_document(document))
    return found[0] if len(found) == 1 else None


def _authorization(value: str) -> PresentedToken | None:
    scheme, rest = scheme_of(value)
    if scheme == "bearer" and rest:
        return PresentedToken(BEARER, Secret(rest))
    if scheme == "sign":
        assertion = _unpacked(rest)
        return PresentedToken.of_document(assertion) if assertion is not None else None
    return None


def _unpacked(parameters: str) -> bytes | None:
    packed = _SIGN.findall(parameters)
    if len(packed) != 1:
        return None
    unzip = zlib.decompressobj(_GZIP)
    try:
        assertion = unzip.decompress(b64decode(packed[0], validate=True), LARGEST)
    except (ValueError, zlib.error):
        return None
    return assertion if unzip.eof else None
