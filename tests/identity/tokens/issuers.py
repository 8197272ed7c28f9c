"""An issuer of bearer tokens: good ones, forged ones, and the key sets that go with them."""

import json
from base64 import urlsafe_b64encode
from functools import cache
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from sessiongate.testing import T0

ISSUER = "https://idp.example/realms/corp"
AUDIENCE = "gate"
NOW = int(T0.timestamp())
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "4711",
    "iat": NOW,
    "exp": NOW + 300,
    "preferred_username": "Ada@corp.example",
    "name": "Ada Lovelace",
    "groups": ["admins", "others"],
}

Key = RSAKey | ECKey


@cache
def key(which: str = "first") -> Key:
    """One of a few keys, each made once; its name is its `kid`."""
    if which.startswith("ec"):
        return ECKey.generate_key("P-256", {"kid": which}, private=True)
    return RSAKey.generate_key(2048, {"kid": which}, private=True)


def entry(which: str = "first", **more: Any) -> dict[str, Any]:
    """A key as a set lists it."""
    return {**key(which).as_dict(private=False), "use": "sig", **more}


def key_set(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"keys": list(entries or (entry(),))}).encode()


def part(content: Any) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def token(
    by: str = "first",
    alg: str = "RS256",
    header: dict[str, Any] | None = None,
    **claims: Any,
) -> str:
    """A signed token. A claim or header of None is left out."""
    said = {"alg": alg, "typ": "JWT", "kid": by, **(header or {})}
    payload = {**CLAIMS, **claims}
    return sign(
        {name: value for name, value in said.items() if value is not None},
        {name: value for name, value in payload.items() if value is not None},
        by,
    )


def sign(header: dict[str, Any], payload: Any, by: str = "first") -> str:
    """Whatever header and payload, signed as the header says."""
    start = f"{part(header)}.{part(payload)}"
    signer = jws.JWSRegistry.algorithms[header["alg"]]
    return f"{start}.{part(signer.sign(start.encode(), key(by)))}"
