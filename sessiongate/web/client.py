"""Where a request came from, as the services want to know it."""

from sessiongate.session import Client
from sessiongate.web.http import Request


def client_of(request: Request, dialect: str) -> Client:
    """Address, agent and dialect of a request. An absent User-Agent is an empty one."""
    agent = request.header("user-agent") or ""
    return Client(request.peer, agent, dialect, request.certificate)
