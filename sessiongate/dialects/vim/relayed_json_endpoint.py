"""Endpoint of VI/JSON where an upstream stands behind: sessions are ours, all else is not.

As in SOAP (`relayed_endpoint`). What is for whom, the path says: it is read before the body, and a
path that cannot be sent on is refused.
"""

from collections.abc import Callable

from sessiongate import errors
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.relayed_hosts import Gates
from sessiongate.dialects.request import NO_STORE, caller, known
from sessiongate.dialects.vim.json_endpoint import CARRIERS, VimJsonEndpoint
from sessiongate.dialects.vim.relayed_calls import RelayedCalls, is_ours, typed
from sessiongate.http.message import Reply, Request
from sessiongate.service.sessions import Sessions
from sessiongate.wire.http import Answer
from sessiongate.wire.vim import json as vim_json
from sessiongate.wire.vim.relayed import Relayed
from sessiongate.wire.vim.relayed_json import MemberAddress, read_address, read_relayed
from sessiongate.wire.vim.request import VimRequest

_PASSED = frozenset({"accept-language", "opid", "vapi-ctx-opid", "x-request-id"})
_OPERATION = ("vapi-ctx-opid", "opid")

_CONTENT = ("ServiceInstance", "ServiceInstance")
_CONTENT_MEMBERS = frozenset({"RetrieveServiceContent", "content"})


class RelayedJsonEndpoint:
    """Answers everything below `/sdk/vim25/` where there are upstreams."""

    def __init__(
        self, own: VimJsonEndpoint, gates: Gates, sessions: Sessions, bearers: Bearers
    ) -> None:
        self._own = own
        self._gates = gates
        self._sessions = sessions
        self._bearers = bearers
        self._calls = RelayedCalls(sessions, bearers, _PASSED, "application/json")

    async def __call__(self, request: Request) -> Reply:
        """Answer a request; every refusal is a vim fault, as JSON."""
        gate = self._gates.of(request)
        if gate is None or _is_of_sessions(request.path):
            return await self._own(request)
        asked, session = VimRequest(), None
        try:
            address = _address(request)
            asked = VimRequest(address.target, address.member, reads=address.reads)
            if _is_content(address):
                return _reply(await gate.public.content_in_json(address.release))

            async def require() -> None:
                nonlocal session
                session = known(await caller(request, self._sessions, self._bearers, CARRIERS))
                gate.relay.require_use(session, address.target, address.member)

            read = await self._calls.read(gate, request, _reader(address, request), require)
            if address.is_about_sessions or is_ours(read):
                return await self._own(request)
            session = await caller(request, self._sessions, self._bearers, CARRIERS)
            return _reply(await self._calls.forward(gate, request, read, session))
        except errors.SessionGateError as error:
            return self._own.refuse_read(asked, error, session)


def _is_of_sessions(path: str) -> bool:
    """Whether it is for the SessionManager, however it is written: it goes no further then."""
    try:
        target, _ = vim_json.read_path(path)
    except errors.UnknownAddress:
        return False
    return MemberAddress("", target, "", reads=False).is_about_sessions


def _address(request: Request) -> MemberAddress:
    if request.query:
        raise errors.UnknownAddress("an address of VI/JSON has no query")
    return read_address(request.method, request.path)


def _is_content(address: MemberAddress) -> bool:
    named = (address.target.kind, address.target.name) == _CONTENT
    return named and address.member in _CONTENT_MEMBERS


def _reader(address: MemberAddress, request: Request) -> Callable[[bool], Relayed]:
    named = (request.header(name) for name in _OPERATION)
    operation = next(filter(None, named), "")
    return lambda far: read_relayed(address, request.body, known=far, operation_id=operation)


def _reply(answer: Answer) -> Reply:
    return Reply(answer.status, (*typed(answer), NO_STORE), answer.body)
