"""What a request to the console says: its form, its client, and whether our own page sent it."""

import msgspec

from sessiongate.errors import ForeignOrigin, Malformed
from sessiongate.http.message import Request
from sessiongate.operations.console.origin_checks import FIELD, is_same_origin
from sessiongate.operations.console.page import Values
from sessiongate.session import CONSOLE, Client

LOOKS = ("GET", "HEAD")
"""The verbs that change nothing."""

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
"""How the values of a form may be sent."""


def form_of(request: Request) -> Values:
    """The form in a request's body, or what stands for one: JSON, or the query of a DELETE.

    Of a query no secret is taken: addresses are logged and kept. Raises Malformed.
    """
    if request.method == "DELETE":
        return Values.read(Values.read(request.query).but(FIELD, "password"))
    kind = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if kind == JSON:
        return _of_json(request.body)
    if request.body and kind != FORM:
        raise Malformed(f"a form is sent as {FORM} or {JSON}")
    try:
        return Values.read(request.body.decode())
    except UnicodeDecodeError:
        raise Malformed("the form is no UTF-8") from None


def _of_json(body: bytes) -> Values:
    try:
        facts = msgspec.json.decode(body, type=_Facts) if body else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("the body is no JSON object of texts, numbers and lists of these") from None
    pairs = []
    for name, value in facts.items():
        for one in value if isinstance(value, list) else [value]:
            # What a page's checkbox says: `yes`, or nothing.
            text = ("yes" if one else "") if isinstance(one, bool) else str(one)
            pairs.append((name, text))
    return Values(pairs)


_One = str | bool | int | float
_Facts = dict[str, _One | list[_One]]


def require_own_page(request: Request) -> None:
    """Raise ForeignOrigin unless a browser says that a page of this very origin asks."""
    if not is_same_origin(request):
        raise ForeignOrigin(
            "the request comes from no page of this console; behind a proxy, see"
            " server.trusted_proxies and server.public_names"
        )


def client_of(request: Request) -> Client:
    """Whoever sent a request."""
    agent = request.header("user-agent") or ""
    return Client(request.peer, agent, CONSOLE, request.certificate, request.user)
