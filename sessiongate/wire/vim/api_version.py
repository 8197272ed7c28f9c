"""Which version of the API a client speaks, and what of a value such a client knows.

SOAP clients say it in SOAPAction: `"urn:vim25/6.5"`. Toolkits that were made from an old WSDL stop
at a member that it lacks, so they get none that is newer.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from sessiongate.wire.vim.types import TYPES, ApiVersion, Boxed, Data, Value, version_of

OLDEST: ApiVersion = (4, 0)
"""Of a client that says nothing, as those of the first kind do in their first call."""

_ACTION = re.compile(r'\s*"?urn:(?:internal)?vim25?/([0-9]{1,3}(?:\.[0-9]{1,3}){0,3})')

NEWEST_MEMBER = max(
    field.since for kind, fields in TYPES.items() if kind != "ServiceContent" for field in fields
)
"""When the newest member came that is sent: from there on nothing need be left out.

Those of ServiceContent are chosen when that is made."""


@lru_cache(64)
def of_action(header: str | None) -> ApiVersion:
    """The version that a SOAPAction names, or the oldest."""
    found = _ACTION.match(header or "")
    return version_of(found[1]) if found is not None else OLDEST


def trimmed(value: Value, version: ApiVersion) -> Value:
    """The value without the members that are newer than this version."""
    return _without(value, _newer_than(version))


@lru_cache(64)
def _newer_than(version: ApiVersion) -> Mapping[str, frozenset[str]]:
    newer = {
        kind: frozenset(field.name for field in fields if field.since > version)
        for kind, fields in TYPES.items()
        if kind != "ServiceContent"
    }
    return {kind: names for kind, names in newer.items() if names}


def _without(value: Value, newer: Mapping[str, frozenset[str]]) -> Value:
    if isinstance(value, Data):
        names = newer.get(value.type, frozenset())
        kept = {
            name: _without(member, newer)
            for name, member in value.members.items()
            if name not in names
        }
        return Data(value.type, kept)
    if isinstance(value, Boxed):
        return Boxed(value.type, _without(value.value, newer), value.array)
    if isinstance(value, list | tuple):
        return [_without(one, newer) for one in value]
    return value
