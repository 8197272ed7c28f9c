"""Environment variables by which known clients find a server, trust it and log in."""

from collections.abc import Mapping
from pathlib import Path

KINDS = ("govc", "requests", "curl", "zerto", "powercli")
"""The clients that are known."""

_CA = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")
"""All of them, for each client: one that is inherited would win over the one that is set."""


def variables(kind: str, url: str, user: str, password: str, ca: Path | None) -> Mapping[str, str]:
    """What this kind of client reads, one of `KINDS`. Raises ValueError for another."""
    trust = {name: str(ca) for name in _CA} if ca is not None else {}
    own = {
        "SESSIONGATE_URL": url,
        "SESSIONGATE_USER": user,
        "SESSIONGATE_PASSWORD": password,
        **({"SESSIONGATE_CA": str(ca)} if ca is not None else {}),
    }
    kinds: dict[str, dict[str, str]] = {
        "govc": {
            "GOVC_URL": f"{url}/sdk",
            "GOVC_USERNAME": user,
            "GOVC_PASSWORD": password,
            "GOVC_PERSIST_SESSION": "false",
            **({"GOVC_TLS_CA_CERTS": str(ca)} if ca is not None else {}),
        },
        "requests": {**own, **trust},
        "curl": {**own, **trust},
        "zerto": {"ZVM_URL": url, "ZVM_USER": user, "ZVM_PASSWORD": password, **trust},
        "powercli": {"VISERVER": url, "VIUSER": user, "VIPASSWORD": password, **trust},
    }
    if kind not in KINDS:
        raise ValueError(f"no client is called {kind!r}; there are {', '.join(sorted(kinds))}")
    return kinds[kind]
