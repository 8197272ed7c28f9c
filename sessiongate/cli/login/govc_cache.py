"""A session as govc keeps it, so that govc uses it and needs no password.

govc has a file for each server in its home, named by a digest of the address: the cookie, and what
the server has said of itself (govmomi's session cache, as of 0.53).
"""

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sessiongate.client import Session, SessionError
from sessiongate.client.transport import send
from sessiongate.client.wire import Ask
from sessiongate.errors import Malformed
from sessiongate.wire.vim.client import content_of
from sessiongate.wire.xml import Element

_VERSION = "8.0.1.0"
_CONNECT, _READ = 5.0, 10.0
_QUESTION = (
    '<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body>'
    '<RetrieveServiceContent xmlns="urn:vim25"><_this type="ServiceInstance">ServiceInstance'
    "</_this></RetrieveServiceContent></Body></Envelope>"
)


def write_cache(
    session: Session, told: Mapping[str, Any], put: Callable[[str, bytes], Path]
) -> Path | None:
    """Put such a file there; None where the server does not say what belongs into it."""
    content = _service_content(session)
    if content is None:
        return None
    where = urlsplit(session.url("/sdk"))
    client = {
        "cookies": [{"Name": "vmware_soap_session", "Value": told["token"]}],
        "url": {"Scheme": where.scheme, "Host": where.netloc, "Path": where.path},
        "insecure": False,
        "version": _VERSION,
    }
    file = json.dumps({"SoapClient": client, "ServiceContent": content}).encode()
    # An address without a user is one whose user is empty, to govc.
    key = f"{where.scheme}://@{where.netloc}{where.path}#insecure=false"
    return put(f"sessions/{sha256(key.encode()).hexdigest()}", file)


def _service_content(session: Session) -> dict[str, Any] | None:
    """The server's managers and what it is, by the names that JSON has for them, too."""
    headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": '"urn:vim25/6.0"'}
    ask = Ask("POST", "/sdk", headers, _QUESTION.encode())
    context = session.ssl_context() if session.url().startswith("https:") else None
    try:
        answer = send(session.url(), ask, context, _CONNECT, _READ)
        if answer.status != 200:
            return None
        told = content_of(answer.body).children[0].children[0]
    except (SessionError, Malformed, IndexError):
        return None
    return {one.name: _value(one) for one in told.children}


def _value(element: Element) -> Any:  # noqa: ANN401 -- a value of JSON
    kind = element.attributes.get(("", "type"))
    if kind is not None:
        return {"type": kind, "value": element.text}
    return {one.name: one.text for one in element.children}
