"""HTTP Basic credentials, as RFC 7617 says and as real clients write them."""

from base64 import b64decode
from binascii import Error as NotBase64

from sessiongate.errors import BadCredentials
from sessiongate.secret import Secret
from sessiongate.wire.carriers import WHITE_SPACE

# A name and a password of sane length fit many times over; anything longer is no credential.
LONGEST_HEADER = 16 * 1024


def read_basic(header: str | None) -> tuple[str, Secret]:
    """Name and password of an Authorization header. Raises BadCredentials, never anything else.

    The password may hold colons; the name may not, and may not be empty. UTF-8 comes first and
    Latin-1 is the fall-back, since .NET Framework clients encode in the machine's own code page.
    """
    scheme, _, blob = (header or "").strip(WHITE_SPACE).partition(" ")
    if scheme.lower() != "basic":
        raise BadCredentials("no Basic credential")
    if len(blob) > LONGEST_HEADER:
        raise BadCredentials("the Basic credential is too long")
    try:
        raw = b64decode(blob.strip(WHITE_SPACE).encode("ascii"), validate=True)
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
