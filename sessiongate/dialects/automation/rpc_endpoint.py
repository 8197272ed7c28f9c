"""The Automation API over JSON-RPC: its session service, and what an empty vCenter has.

Where an upstream stands behind, that answers all but sessions.
"""

from sessiongate import errors
from sessiongate.dialects.automation.relayed_endpoint import operation_of, passed
from sessiongate.dialects.automation.rest_endpoint import (
    JSON_HEADERS,
    REST_CARRIERS,
    api_refusal,
)
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.relayed_hosts import Gates
from sessiongate.dialects.request import NO_STORE, caller, client_of, known
from sessiongate.gateway.upstream_gateway import VCenterGateway
from sessiongate.http.message import Reply, Request
from sessiongate.http.refusal_headers import extra_headers
from sessiongate.service.logins import Logins
from sessiongate.service.sessions import Sessions
from sessiongate.session import Ended, Session
from sessiongate.wire import basic
from sessiongate.wire.automation import resources, vapi_rpc
from sessiongate.wire.automation import rest as automation
from sessiongate.wire.automation.relayed import own_address
from sessiongate.wire.automation.relayed_rpc import relayed_rpc
from sessiongate.wire.carriers import SOAP_COOKIE, VMWARE_HEADER, WHITE_SPACE
from sessiongate.wire.file_addresses import led_here

RPC_DIALECT = "vapi-rpc"


_RPC_CARRIERS = REST_CARRIERS | {f"cookie:{SOAP_COOKIE}"}

_LIBRARY = "com.vmware.content.library."


class RpcEndpoint:
    """Answers `POST /api`, vAPI JSON-RPC."""

    def __init__(
        self,
        sessions: Sessions,
        logins: Logins,
        bearers: Bearers,
        *,
        provider: str,
        appliance: resources.Appliance,
        gates: Gates | None = None,
    ) -> None:
        """With `gates`, what is for an upstream goes there, but for sessions."""
        self._sessions = sessions
        self._logins = logins
        self._bearers = bearers
        self._provider = provider
        self._appliance = appliance
        self._gates = gates

    async def __call__(self, request: Request) -> Reply:
        """Answer a request; what goes wrong below HTTP comes inside a 200."""
        if request.method != "POST":
            return api_refusal(errors.WrongVerb("POST"))
        try:
            call = vapi_rpc.read_call(
                request.body, request.header("vapi-service"), request.header("vapi-operation")
            )
        except vapi_rpc.RpcError as error:
            return _rpc(vapi_rpc.write_rpc_error(error))
        gate = self._gates.of(request) if self._gates is not None else None
        if gate is not None and call.service != vapi_rpc.SERVICE:
            return await self._forwarded(gate, request, call)
        resource = resources.SERVICES.get(call.service)
        if not _is_offered(call, resource):
            return _rpc(vapi_rpc.write_no_operation(call))
        try:
            if resource is not None:
                return _rpc(vapi_rpc.write_output(call, await self._read(request, call, resource)))
            if call.operation == "create":
                return await self._create(request, call)
            return _rpc(vapi_rpc.write_output(call, await self._output(request, call)))
        except errors.SessionGateError as error:
            return _refused(call, error)

    async def _forwarded(
        self, gate: VCenterGateway, request: Request, call: vapi_rpc.RpcCall
    ) -> Reply:
        try:
            session = await self._caller(request, call)
            relayed = relayed_rpc(call, request.body)
            headers = tuple(
                one for one in passed(request) if one[0] not in ("accept", "content-type")
            )
            operation = operation_of(request)
            answer = await gate.automation.call_rpc(session, relayed, headers, operation=operation)
        except errors.SessionGateError as error:
            return _refused(call, error)
        body = answer.body
        if call.service.startswith(_LIBRARY):
            ours = own_address(request.header("host") or "", secure=request.secure)
            body = led_here(body, gate.url, ours)
        return Reply(answer.status, (*answer.headers, NO_STORE), body)

    async def _create(self, request: Request, call: vapi_rpc.RpcCall) -> Reply:
        name, password = vapi_rpc.credential(call)
        basic.require_same_credential(request.all("authorization"), (name, password))
        client = client_of(request, RPC_DIALECT)
        opened = await self._logins.login(name, password, client, default=self._provider)
        reply = _rpc(vapi_rpc.write_output(call, vapi_rpc.created(opened.token)))
        reply.undelivered = opened.undelivered
        return reply

    async def _read(
        self, request: Request, call: vapi_rpc.RpcCall, resource: resources.Resource
    ) -> object:
        await self._caller(request, call)
        if resources.seeks(resource, call.operation):
            raise errors.UnknownObject("resource", "")
        return resources.output_of(resource, self._appliance)

    async def _output(self, request: Request, call: vapi_rpc.RpcCall) -> object:
        session = await self._caller(request, call)
        if call.operation == "get":
            return vapi_rpc.info(automation.session_info(session))
        await self._sessions.end(session.key, Ended.LOGOUT)
        return None

    async def _caller(self, request: Request, call: vapi_rpc.RpcCall) -> Session:
        named = vapi_rpc.session_id(call)
        # As one more carrier, so that a contradiction with the others is found.
        inside = [(VMWARE_HEADER, named.strip(WHITE_SPACE))] if named is not None else []
        return known(await caller(request, self._sessions, self._bearers, _RPC_CARRIERS, inside))

    def refuse(self, request: Request, error: errors.SessionGateError | None) -> Reply:
        """The reply for an error that was raised outside; None stands for one unforeseen.

        That is still a 200, under the request's id. What is refused unread has no id, and by its
        status is no call at all.
        """
        if error is not None:
            body = vapi_rpc.write_rpc_error(vapi_rpc.unread(error))
            status = automation.refusal_of(error).status
            return Reply(status, (*JSON_HEADERS, *extra_headers(error)), body)
        try:
            call = vapi_rpc.read_call(request.body, None, None)
        except vapi_rpc.RpcError as unreadable:
            return _rpc(vapi_rpc.write_rpc_error(unreadable))
        return _rpc(vapi_rpc.write_refusal(call, None))


def _is_offered(call: vapi_rpc.RpcCall, resource: resources.Resource | None) -> bool:
    if resource is None:
        return call.service == vapi_rpc.SERVICE and call.operation in vapi_rpc.OPERATIONS
    named = call.operation
    return resources.reads(resource, named) or resources.seeks(resource, named)


def _refused(call: vapi_rpc.RpcCall, error: errors.SessionGateError) -> Reply:
    """A refusal is a result, too, and a 200; when to come back is said beside it."""
    reply = _rpc(vapi_rpc.write_refusal(call, error))
    reply.headers = (*reply.headers, *extra_headers(error))
    return reply


def _rpc(body: bytes) -> Reply:
    return Reply(200, JSON_HEADERS, body)
