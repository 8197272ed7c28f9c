"""What a request to the console says: its form, its client, and whether our own page sent it."""

from sessiongate.errors import ForeignOrigin, Malformed
from sessiongate.http.message import Request
from sessiongate.operations.console.origin_checks import is_same_origin
from sessiongate.operations.console.page import Values
from sessiongate.session import CONSOLE, Client

LOOKS = ("GET", "HEAD")
"""The verbs that change nothing."""

_FORM = "application/x-www-form-urlencoded"


def form_of(request: Request) -> Values:
    """The form in a request's body. Raises Malformed."""
    kind = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if request.body and kind != _FORM:
        raise Malformed(f"a form is sent as {_FORM}")
    try:
        return Values.read(request.body.decode())
    except UnicodeDecodeError:
        raise Malformed("the form is no UTF-8") from None


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
