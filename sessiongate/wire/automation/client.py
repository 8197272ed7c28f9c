"""The client's side of the Automation API's sessions: what we ask of a vCenter, and what it says.

There are two faces: `/api/session` with bare values, and `/rest/com/vmware/cis/session` with
wrapped ones, which is all that older servers have. Which one a session was opened by is a part of
it, since the same one ends it.
"""

from base64 import b64encode

import msgspec

from sessiongate.errors import BadCredentials, Malformed
from sessiongate.secret import Secret
from sessiongate.wire.automation.rest import API_SESSION, REST_SESSION, SESSION_HEADER
from sessiongate.wire.http import Answer, Ask, Headers

FACES = (API_SESSION, REST_SESSION)
"""Where sessions are, the newer face first."""

# Real tokens have 32 to 40 letters.
_LONGEST_TOKEN = 4096

_JSON: Headers = (("accept", "application/json"),)


class RestSession(msgspec.Struct, frozen=True):
    """A session of the Automation API alone, and the face that it was opened by."""

    path: str
    token: Secret


def write_login(path: str, name: str, password: Secret) -> Ask:
    """The call that opens a session. Raises BadCredentials for a name that Basic cannot carry."""
    if ":" in name:
        raise BadCredentials("the name holds a colon", answered=False)
    pair = f"{name}:{password.reveal()}".encode("utf-8", "surrogatepass")
    basic = f"Basic {b64encode(pair).decode()}"
    use = ("vmware-use-header-authn", "true")
    return Ask(path, (*_JSON, ("authorization", basic), use), b"")


def read_login(answer: Answer) -> Secret | None:
    """The token of a session that was just opened; None for a refusal. Raises Malformed."""
    if answer.status == 401:
        return None
    if answer.status not in (200, 201):
        raise Malformed(f"status {answer.status}")
    try:
        found = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("the body is not JSON") from None
    if isinstance(found, dict):
        found = found.get("value")
    if not isinstance(found, str) or not 0 < len(found) <= _LONGEST_TOKEN:
        raise Malformed("a session without one token to end it by")
    if not (found.isascii() and found.isprintable()) or " " in found:
        raise Malformed("a token that no header can carry")
    return Secret(found)


def write_probe(path: str, token: Secret) -> Ask:
    """Which session this token is for."""
    headers = (*_JSON, session_header(token))
    if path == API_SESSION:
        return Ask(path, headers, b"", "GET")
    return Ask(f"{path}?~action=get", headers, b"")


def read_probe(answer: Answer) -> bool | None:
    """Whether there is such a session; None where this face is not there. Raises Malformed."""
    if answer.status == 200:
        return True
    if answer.status == 401:
        return False
    if answer.status in (400, 404, 405, 501):
        return None
    raise Malformed(f"status {answer.status}")


def write_logout(session: RestSession) -> Ask:
    """The call that ends a session."""
    return Ask(session.path, (*_JSON, session_header(session.token)), b"", "DELETE")


def is_over(answer: Answer) -> bool:
    """Whether the session has ended, by this answer to a logout."""
    return answer.status in (200, 204, 401, 404)


def session_header(token: Secret) -> tuple[str, str]:
    """The header that carries a session. Tokens of SOAP may come in quotes, which are not theirs.

    They are a cookie's.
    """
    return (SESSION_HEADER, token.reveal().strip('"'))
