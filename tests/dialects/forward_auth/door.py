"""The endpoints of forward-auth as proxies reach them: behind the router, and before it who is
believed. Requests as each of the three conventions has them."""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from sessiongate.audit.access_checks import AccessChecks
from sessiongate.dialects.forward_auth.routes import routes
from sessiongate.http.message import Reply, Request
from sessiongate.http.proxies import TrustedProxies
from sessiongate.http.router import NOWHERE, Routes
from sessiongate.rules.forward_auth import AccessPolicy, AccessRule
from tests.gate import Gate

APP = "app.example"
PROXY = "10.0.0.5"
CLIENT = "203.0.113.5"
NAMES = ("forward-auth", "auth-request", "ext-authz")
RULES = (
    AccessRule(host=APP, path="/admin", roles=frozenset({"administrator"})),
    AccessRule(host=APP, path="/app"),
    AccessRule(host="wiki.example", methods=frozenset({"GET"})),
)
Pairs = list[tuple[str, str]]


def said_by(name: str, method: str, host: str, uri: str) -> Pairs:
    """The headers in which a proxy of this convention says what its client wants."""
    if name == "forward-auth":
        return [
            ("x-forwarded-method", method),
            ("x-forwarded-host", host),
            ("x-forwarded-uri", uri),
        ]
    if name == "auth-request":
        return [("x-original-method", method), ("x-original-url", f"http://{host}{uri}")]
    return []


@dataclass
class Door:
    """A gate with forward-auth, and what was written down of it."""

    folder: Path
    policy: AccessPolicy = field(default_factory=lambda: AccessPolicy(RULES))

    def __post_init__(self) -> None:
        self.lines: list[bytes] = []
        gate = self.gate = Gate(self.folder, ship=self.lines.append)
        self.meters = gate.journal.meters
        self.checks = AccessChecks(gate.journal, gate.clock)
        table = routes(
            gate.sessions, gate.bearers, self.policy, self.checks, self.meters.access_checks
        )
        self.handler = TrustedProxies(
            Routes(table, NOWHERE), (ip_network(f"{PROXY}/32"),), certificate_header=None
        )

    async def ask(
        self,
        name: str,
        carrier: Pairs | None = None,
        uri: str = "/app",
        *,
        host: str = APP,
        method: str = "GET",
        more: Pairs | None = None,
        peer: str = PROXY,
    ) -> Reply:
        """Ask as a proxy of this convention does, with this carrier and these headers besides."""
        verb, path, own = "GET", f"/auth/{name}", f"127.0.0.1:{len(name)}"
        if name == "ext-authz":
            verb, own = method, host
            path += uri
        headers = [("host", own), *said_by(name, method, host, uri), ("x-forwarded-for", CLIENT)]
        headers += [*(carrier or []), *(more or [])]
        target, _, query = path.partition("?")
        return await self.handler(Request(verb, target, query, headers, b"", peer, secure=False))

    async def carrier(self, user: str = "bob") -> Pairs:
        """A live session of this one, in the header of vSphere's REST clients."""
        opened = await self.gate.login(user)
        return [("vmware-api-session-id", opened.token.reveal())]

    def events(self, named: str) -> list[dict[str, Any]]:
        """What the audit has of this."""
        return [one for one in map(json.loads, self.lines) if one["event"] == named]

    def later(self, **span: float) -> None:
        self.gate.clock.tick(timedelta(**span))
