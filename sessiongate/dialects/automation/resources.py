"""Endpoints of what an empty vCenter has below `/api` and `/rest`: lists, and its version."""

from collections.abc import Callable, Mapping

import msgspec

from sessiongate import errors
from sessiongate.dialects.automation import rest_endpoint as rest
from sessiongate.dialects.bearers import Bearers
from sessiongate.dialects.request import caller, known
from sessiongate.http.message import Handler, Reply, Request
from sessiongate.service.sessions import Sessions
from sessiongate.wire.automation import resources as wire
from sessiongate.wire.automation.resources import Appliance, Resource


class Face(msgspec.Struct, frozen=True):
    """What differs between `/api` and `/rest`."""

    resources: Mapping[str, Resource]
    carriers: frozenset[str]
    wrap: Callable[[object], object]
    refusal: Callable[[errors.SessionGateError], Reply]
    nowhere: Handler


API = Face(wire.API, rest.API_CARRIERS, lambda value: value, rest.api_refusal, rest.api_nowhere)
REST = Face(
    wire.REST,
    rest.REST_CARRIERS,
    wire.wrapped,
    rest.rest_refusal,
    rest.rest_nowhere,
)


class ResourcesEndpoint:
    """Answers everything of one face that is neither its sessions nor hello."""

    def __init__(
        self, sessions: Sessions, bearers: Bearers, appliance: Appliance, face: Face
    ) -> None:
        self._sessions = sessions
        self._bearers = bearers
        self._appliance = appliance
        self._face = face

    async def __call__(self, request: Request) -> Reply:
        """Answer a request: first whether there is a session, then what it asks for."""
        face = self._face
        resource, below = wire.find(face.resources, request.path)
        if resource is None:
            return await face.nowhere(request)
        try:
            known(await caller(request, self._sessions, self._bearers, face.carriers))
            refused = wire.refused(resource, request.method, request.query, below=below)
            if refused is not None:
                raise refused
        except errors.SessionGateError as error:
            return face.refusal(error)
        body = msgspec.json.encode(face.wrap(wire.value_of(resource, self._appliance)))
        return Reply(200, rest.JSON_HEADERS, body)
