"""The operations listener: is the process alive, can it serve, and what has it done.

On an address of its own, so that no path of a dialect ever leads here, and nothing here ever
leads to a session.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from sessiongate.errors import Unavailable
from sessiongate.http.message import Reply, Request
from sessiongate.telemetry.prometheus import CONTENT_TYPE, Published

_JSON = (("content-type", "application/json"), ("cache-control", "no-store"))


class Operations:
    """Answers `/healthz`, `/readyz` and `/metrics`."""

    def __init__(
        self,
        published: Published,
        values: Callable[[], Awaitable[Mapping[str, float]]],
        probe: Callable[[], Awaitable[object]],
        without_tickets: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """`without_tickets` names upstreams of which no clone ticket can be had at the moment."""
        self.stopping = False
        """Whether the server was told to stop, so that no client should be sent here any more."""
        self._published = published
        self._values = values
        self._probe = probe
        self._without_tickets = without_tickets

    async def __call__(self, request: Request) -> Reply:
        """Answer a request."""
        if request.path not in ("/healthz", "/readyz", "/metrics"):
            return _status_reply(404, "there is nothing at this address")
        if request.method not in ("GET", "HEAD"):
            reply = _status_reply(405, "only GET here")
            reply.headers = (*reply.headers, ("allow", "GET, HEAD"))
            return reply
        if request.path == "/metrics":
            text = self._published.text(await self._values())
            return Reply(200, (("content-type", CONTENT_TYPE),), text)
        if request.path == "/healthz":
            return _status_reply(200, "ok")
        if self.stopping:
            return _status_reply(503, "the server is stopping")
        try:
            await self._probe()
        except Unavailable:
            # The reason is in the log: this listener may be open to more people than that is.
            return _status_reply(503, "the session store does not answer")
        # One upstream that is away is no reason to send nobody here: the others need this server.
        return _status_reply(200, "ok", list(self._without_tickets()))


def _status_reply(status: int, text: str, without: Sequence[str] = ()) -> Reply:
    said: dict[str, object] = {"status": text}
    if without:
        said["without_clone_tickets"] = without
    return Reply(status, _JSON, msgspec.json.encode(said))
