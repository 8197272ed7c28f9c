"""An appliance that is the server's own dialects, with a clock that tests set on."""

from pathlib import Path

from sessiongate.dialects.openid import routes as openid
from sessiongate.dialects.zerto import routes as zerto
from sessiongate.http.message import Request
from sessiongate.http.router import NOWHERE, Routes
from sessiongate.identity.appliance_clients import PROVIDER
from tests.gate import OWN_NAMES, SITE, Gate
from tests.upstream.fakes import Asked, http


class OwnAppliance:
    """Answers as a script of `FakeServer`; what it was asked for tokens is counted."""

    def __init__(self, folder: Path) -> None:
        self.house = Gate(folder)
        parts = (self.house.sessions, self.house.logins, self.house.bearers)
        self._routes = Routes(
            [
                *zerto.routes(*parts, self.house.clock, SITE, OWN_NAMES, ("local", "local")),
                *openid.routes(*parts, "local", PROVIDER, {}),
            ],
            NOWHERE,
        )
        self.grants: list[str] = []
        self.statuses: list[int] = []
        """Of resources."""

    async def __call__(self, asked: Asked) -> bytes:
        verb, target, _ = asked.line.split(" ")
        path, _, query = target.partition("?")
        headers = list(asked.headers.items())
        body = asked.body
        request = Request(verb, path, query, headers, body, "192.0.2.9", secure=False)
        if path.endswith("/token"):
            self.grants.append(body.decode().partition("grant_type=")[2].partition("&")[0])
        reply = await self._routes(request)
        if path.startswith("/v1/"):
            self.statuses.append(reply.status)
        told = [f"{name}: {value}" for name, value in reply.headers]
        return http(reply.status, reply.body, *told)
