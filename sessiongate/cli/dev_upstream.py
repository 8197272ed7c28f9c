"""`sessiongate dev --upstream`: a throw-away gateway before a vCenter, for a trial."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from sessiongate.app.started import Started

DOMAIN = "dev.sessiongate"
"""Of the users of `dev` itself, since all other names are the vCenter's."""

UpstreamOption = Annotated[
    str | None,
    typer.Option("--upstream", help="Address of a vCenter to stand before, as a gateway."),
]
FingerprintOption = Annotated[
    list[str] | None,
    typer.Option("--fingerprint", help="SHA-256 fingerprint of the vCenter's certificate."),
]
CaOption = Annotated[
    Path | None, typer.Option("--ca", help="PEM file of the CA of the vCenter's certificate.")
]
InsecureOption = Annotated[
    bool, typer.Option("--insecure", help="Believe whoever answers at the vCenter's address.")
]


def upstream_flags(
    url: str | None, fingerprints: list[str] | None, ca: Path | None, *, insecure: bool
) -> dict[str, object]:
    """The settings of such a gateway; nothing without a `url`. Raises typer.BadParameter."""
    if url is None:
        if fingerprints or ca is not None or insecure:
            raise typer.BadParameter("is required with the others", param_hint="--upstream")
        return {}
    flags: dict[str, object] = {
        "upstream.vc.type": "vcenter",
        "upstream.vc.url": url,
        "upstream.vc.verify": not insecure,
        "identity.vc.type": "vcenter",
        "identity.vc.upstream": "vc",
        "identity.vc.role": "administrator",
        "identity.local.type": "file",
        "identity.local.domains": [DOMAIN],
        "dialects.vsphere.default": "vc",
    }
    if fingerprints:
        flags["upstream.vc.fingerprint"] = fingerprints
    if ca is not None:
        flags["upstream.vc.ca"] = str(ca.absolute())
    return flags


def announce_gateway(upstream: str, own: str | None, started: Started) -> None:
    """Say what clients change, and what stays."""
    ca = started.certificates.ca if started.certificates is not None else None
    print()
    print(f"Gateway before {upstream}: log in with the names and passwords of that vCenter.")
    if own is not None:
        print(f"  export GOVC_URL={own}/sdk GOVC_PERSIST_SESSION=false")
    if ca is not None:
        print(f"  export GOVC_TLS_CA_CERTS={shlex.quote(str(ca))}")
    print("  export GOVC_USERNAME=... GOVC_PASSWORD=...")
    print()
    print("Our own administrator sees the sessions here, and nothing of the vCenter:")
