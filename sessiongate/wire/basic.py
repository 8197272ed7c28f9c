"""HTTP Basic credentials, as RFC 7617 says and as real clients write them.

And whether what stands in an Authorization header contradicts what else a login says, or whose
session a request carries.
"""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Collection, Iterable

from sessiongate.errors import BadCredentials
from sessiongate.rules.accounts import parse_account
from sessiongate.secret import Secret
from sessiongate.wire.carriers import scheme_of

# A name and a password of sane length fit many times over; anything longer is no credential.
LONGEST_HEADER = 16 * 1024


def read_basic(header: str | None) -> tuple[str, Secret]:
    """Name and password of an Authorization header. Raises BadCredentials, never anything else.

    The password may hold colons; the name may not, and may not be empty. UTF-8 comes first and
    Latin-1 is the fall-back, since .NET Framework clients encode in the machine's own code page.
    """
    scheme, blob = scheme_of(header or "")
    if scheme != "basic":
        raise BadCredentials("no Basic credential")
    if len(blob) > LONGEST_HEADER:
        raise BadCredentials("the Basic credential is too long")
    try:
        raw = b64decode(blob.encode("ascii"), validate=True)
    except (NotBase64, ValueError):
        raise BadCredentials("the Basic credential is not base64") from None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    name, colon, password = text.partition(":")
    if not colon or not name.strip():
        raise BadCredentials("the Basic credential holds no name and password")
    return name, Secret(password)


def require_same_credential(headers: Iterable[str], stated: tuple[str, Secret] | None) -> None:
    """Raise BadCredentials where a Basic credential in these headers is not the stated one.

    For logins that state who they are elsewhere: name and password in the body, or None for what
    is not a password, such as a token or a certificate. Each Authorization header of the request
    is looked at; those of other schemes say nothing of who logs in. Names are compared as typed.
    """
    for header in _basics(headers):
        name, password = read_basic(header)
        if stated is None or (name, password.reveal()) != (stated[0], stated[1].reveal()):
            raise BadCredentials("the request carries two different credentials", answered=False)


def is_another(headers: Iterable[str], names: Collection[str]) -> bool:
    """Whether a Basic credential in these headers is not of the user of these names.

    For requests with a session, whose user has them in whatever spelling. Some clients send their
    credential with each call: it names the same user, and no password is looked at. One that
    cannot be read is another, since whoever stands in front may have read it. So are two that
    differ, without a look at what they say: a head has room for hundreds, and each may be dear.
    """
    basics = _basics(headers)
    if not basics:
        return False
    if len(basics) > 1:
        return True
    try:
        name = read_basic(basics[0])[0]
        if name in names:
            return False
        named = parse_account(name).canonical
    except BadCredentials:
        return True
    return all(named != _canonical(each) for each in names)


def _basics(headers: Iterable[str]) -> list[str]:
    """Those that hold a Basic credential, each text once."""
    return [one for one in dict.fromkeys(headers) if scheme_of(one)[0] == "basic"]


def _canonical(name: str) -> str:
    """The one name of this user; "" for a name that no password goes with, such as a token's."""
    try:
        return parse_account(name).canonical
    except BadCredentials:
        return ""
