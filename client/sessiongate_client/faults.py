"""What a refusal says, in JSON, in XML and by its status: by the type of the fault, not its text.

Pure. `is_dead` is the one judgement on whether a session is over.
"""

from __future__ import annotations

import json
from xml.parsers import expat

DEAD = frozenset({"NotAuthenticated", "UNAUTHENTICATED"})
"""Faults that mean that the session is over. NoPermission is not among them: whoever may not ask
whether a session is active has one all the same."""

REFUSED = frozenset({"InvalidLogin", "PasswordExpired", "NoPermission", "InvalidLocale"})
"""Faults of a login that the same password would meet again."""


def is_dead(status: int, content_type: str, body: bytes) -> bool:
    """Whether this answer says that the session that was sent is none any more."""
    if status == 401:
        return True
    return status == 500 and fault_of(content_type, body) in DEAD


def may_tell(status: int, content_type: str) -> bool:
    """Whether the body of such an answer has to be read to know whether the session is dead."""
    return status == 500 and ("json" in content_type or "xml" in content_type)


def fault_of(content_type: str, body: bytes) -> str:
    """The type of the fault, such as NotAuthenticated; "" where the body tells none."""
    if "json" in content_type:
        said = members(body)
        fault = said.get("_typeName") or said.get("error_type") or said.get("error")
        return fault if isinstance(fault, str) else ""
    if "xml" in content_type:
        return Xml(body).fault
    return ""


def members(body: bytes) -> dict[str, object]:
    """The members of a JSON object; none where the body is something else."""
    said = value_of(body)
    return said if isinstance(said, dict) else {}


def value_of(body: bytes) -> object:
    """The value that a body has as JSON; None where it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


class Xml:
    """The few things that are read of a SOAP answer: leaves by local name, and the fault's type.

    A body that is no XML, or has a document type, has neither.
    """

    def __init__(self, body: bytes) -> None:
        self.fault = ""
        self.texts: dict[str, str] = {}
        self._path: list[str] = []
        self._text: list[str] = []
        parser = expat.ParserCreate()
        parser.StartDoctypeDeclHandler = self._refuse
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        try:
            parser.Parse(body, True)
        except (expat.ExpatError, ValueError):
            self.fault, self.texts = "", {}

    def _refuse(self, *_: object) -> None:
        raise ValueError("a document type has no place in an answer")

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        if self._path[-1:] == ["detail"] and not self.fault:
            kinds = [text for key, text in attributes.items() if key.rpartition(":")[2] == "type"]
            kind = kinds[0].rpartition(":")[2] if kinds else local
            self.fault = kind[: -len("Fault")] if kind.endswith("Fault") and not kinds else kind
        self._path.append(local)
        del self._text[:]

    def _end(self, _name: str) -> None:
        self.texts.setdefault(self._path.pop(), "".join(self._text).strip())
        del self._text[:]
