"""Every dialect over services that fail in a way nobody foresaw: what clients get, and the log.

Run as a program, so that the log is set up as a server's is: `broken.py json` or `broken.py text`.
Prints the replies by dialect as JSON; the log goes to standard error.
"""

import asyncio
import json
import sys
from typing import Any, NoReturn

from sessiongate.app.presented import presented
from sessiongate.app.routes import dialects
from sessiongate.app.services import Services
from sessiongate.config import load
from sessiongate.dialects.vim.about import about_info
from sessiongate.http.message import Request
from sessiongate.http.router import Routes
from sessiongate.telemetry.counters import Meters
from sessiongate.telemetry.logs import LogFormat, configure_logs
from tests.end_to_end.serving import USER, Body, Headers, Reply
from tests.security.dialects import DIALECTS

CANARY = "canary-of-the-stack"
TOKEN = "5ec2e7" * 6 + "0000"


class Broken:
    """A service whose every use fails."""

    def locale_of(self, asked: object) -> str:
        """What no service has to be asked for: in which language an error is told."""
        return "en"

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError(CANARY) from ValueError(CANARY)


def routes() -> Routes:
    """The endpoints as the server wires them, over services that break."""
    broken: Any = Broken()
    config = load(None, {}, {})
    about = about_info(config.sessions.profile, TOKEN, "1")
    fields: dict[str, Any] = dict.fromkeys(Services.__struct_fields__, broken)
    # What is told of the server is a value, of which nothing can break.
    services = Services(**{**fields, "presented": presented(config, about)})
    return dialects(config, services, Meters(), None)


class Recorder:
    """Takes what a client sends and keeps it as the request that an endpoint would see."""

    def __init__(self) -> None:
        self.seen: list[Request] = []

    def request(self, verb: str, path: str, headers: Headers = (), body: Body = None) -> Reply:
        pairs = headers if not hasattr(headers, "items") else headers.items()
        data = body if isinstance(body, str) else json.dumps(body) if body else ""
        self.seen.append(
            Request(
                method=verb,
                path=path.partition("?")[0],
                query=path.partition("?")[2],
                headers=[(name.lower(), value) for name, value in pairs],
                body=data.encode(),
                peer="127.0.0.1",
                secure=True,
            )
        )
        return Reply(200, (), b"{}")


async def replies() -> dict[str, list[dict[str, Any]]]:
    """What each dialect answers to a login, a check and a logout."""
    answer = routes()
    found: dict[str, list[dict[str, Any]]] = {}
    for dialect in DIALECTS:
        client = Recorder()
        dialect.login(client, *USER)
        dialect.check(client, dialect.carry(TOKEN))
        dialect.logout(client, dialect.carry(TOKEN))
        got = [await answer(request) for request in client.seen]
        found[dialect.name] = [
            {"status": reply.status, "body": reply.body.decode()} for reply in got
        ]
    return found


if __name__ == "__main__":
    configure_logs(LogFormat(sys.argv[1]))
    print(json.dumps(asyncio.run(replies())))  # noqa: T201
