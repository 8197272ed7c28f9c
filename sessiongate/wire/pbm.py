"""Storage policies, `/pbm`: the service that vSphere clients open after a login, with none in it.

SOAP as at `/sdk`, in a namespace of its own. Its content is told, its lists are empty, and
everything else is `NotSupported`. Source: the vendor's pages of the Storage Policy API.
"""

from collections.abc import Iterable

import msgspec

from sessiongate.errors import Malformed
from sessiongate.wire.vim.soap import ENVELOPE, read_envelope, read_target
from sessiongate.wire.vim.types import MoRef
from sessiongate.wire.xml import escape

PATHS = ("/pbm", "/pbm/sdk")
"""The address that Go's clients use, and the one that pyVmomi is given."""

LARGEST = 16 * 1024
"""Bytes of a request. Real ones name a profile or an object, of which there are none here."""

NAMESPACE = "urn:pbm"
CONTENT = "PbmRetrieveServiceContent"
RESOURCE_TYPES = "PbmFetchResourceType"

EMPTY = frozenset(
    f"Pbm{name}"
    for name in (
        *("QueryProfile", "RetrieveContent", "FindApplicableDefaultProfile"),
        *("QueryAssociatedProfile", "QueryAssociatedProfiles"),
        *("QueryAssociatedEntity", "QueryAssociatedEntities", "QueryByRollupComplianceStatus"),
        *("QueryMatchingHub", "QueryMatchingHubWithSpec"),
        *("CheckCompatibility", "CheckCompatibilityWithSpec", "CheckRequirements"),
        *("QueryDefaultRequirementProfile", "QueryDefaultRequirementProfiles"),
        *("FetchVendorInfo", "FetchCapabilityMetadata", "FetchCapabilitySchema"),
    )
)
"""The methods that list, or find, what is there: nothing."""

_MANAGERS = (
    ("sessionManager", MoRef("PbmSessionManager", "SessionManager")),
    (
        "capabilityMetadataManager",
        MoRef("PbmCapabilityMetadataManager", "CapabilityMetadataManager"),
    ),
    ("profileManager", MoRef("PbmProfileProfileManager", "ProfileManager")),
    ("complianceManager", MoRef("PbmComplianceManager", "complianceManager")),
    ("placementSolver", MoRef("PbmPlacementSolver", "placementSolver")),
    ("replicationManager", MoRef("PbmReplicationManager", "ReplicationManager")),
)


class PbmCall(msgspec.Struct, frozen=True):
    """A call: what for, and what the envelope says of the session."""

    name: str
    target: MoRef
    carriers: tuple[tuple[str, str], ...]
    operation_id: str


def read_call(document: bytes) -> PbmCall:
    """The call in this body. Arguments are not read, as none of them could change the answer.

    Raises Malformed.
    """
    message = read_envelope(document)
    call = message.call
    if call.namespace != NAMESPACE:
        raise Malformed(f"the method is not in the namespace {NAMESPACE}")
    return PbmCall(call.name, read_target(call), message.carriers, message.operation_id)


def write_content(instance: str) -> bytes:
    """What this service is and which objects it has. `instance` is the server's own UUID."""
    about = (("name", "PBM"), ("version", "2.0"), ("instanceUuid", instance))
    managers = "".join(
        f'<{member} type="{ref.kind}">{ref.name}</{member}>' for member, ref in _MANAGERS
    )
    inside = f"<aboutInfo>{_texts(about)}</aboutInfo>{managers}"
    return _result(CONTENT, f"<returnval>{inside}</returnval>")


def write_resource_types() -> bytes:
    """What policies can be for: storage, in every release."""
    only = _texts((("resourceType", "STORAGE"),))
    return _result(RESOURCE_TYPES, f"<returnval>{only}</returnval>")


def write_empty(name: str) -> bytes:
    """The reply to one of EMPTY."""
    return _result(name, "")


def _texts(members: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<{name}>{escape(text)}</{name}>" for name, text in members)


def _result(name: str, inside: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<soapenv:Envelope xmlns:soapenv="{ENVELOPE}">\n'
        f'<soapenv:Body>\n<{name}Response xmlns="{NAMESPACE}">{inside}</{name}Response>\n'
        "</soapenv:Body>\n</soapenv:Envelope>"
    ).encode()
