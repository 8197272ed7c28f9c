"""`sessiongate dev --upstream`: a throw-away gateway before a vCenter, for a trial."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from sessiongate.app.started import Started
from sessiongate.cli.output import Exit, fail
from sessiongate.cli.prompts import hidden, typed
from sessiongate.cli.text import line_of_stdin
from sessiongate.rules.access import ADMINISTRATOR

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
ServiceOption = Annotated[
    bool,
    typer.Option(
        "--service",
        help="Go by one account of the vCenter for all clients: its name and password are asked "
        "for, or are two lines of standard input.",
    ),
]
InsecureOption = Annotated[
    bool, typer.Option("--insecure", help="Believe whoever answers at the vCenter's address.")
]


def upstream_flags(
    url: str | None,
    fingerprints: list[str] | None,
    ca: Path | None,
    *,
    insecure: bool,
    service: bool = False,
) -> dict[str, object]:
    """The settings of such a gateway; nothing without a `url`. Raises typer.BadParameter.

    At `service` the account is asked for.
    """
    if url is None:
        if fingerprints or ca is not None or insecure or service:
            raise typer.BadParameter("is required with the others", param_hint="--upstream")
        return {}
    flags: dict[str, object] = {
        "upstream.vc.type": "vcenter",
        "upstream.vc.url": url,
        "upstream.vc.verify": not insecure,
        "identity.local.type": "file",
        "identity.local.domains": [DOMAIN],
    }
    flags |= _service() if service else _CALLERS
    if fingerprints:
        flags["upstream.vc.fingerprint"] = fingerprints
    if ca is not None:
        flags["upstream.vc.ca"] = str(ca.absolute())
    return flags


_CALLERS: dict[str, object] = {
    "identity.vc.type": "vcenter",
    "identity.vc.upstream": "vc",
    "identity.vc.role": ADMINISTRATOR,
    "dialects.vsphere.default": "vc",
}


def _service() -> dict[str, object]:
    if sys.stdin.isatty():
        name = typed("Name of the account at the vCenter")
        password = hidden(f"Password of {name}")  # once: a wrong one is told by the vCenter
    else:
        name, password = line_of_stdin("name"), line_of_stdin("password")
    if not name or not password:
        fail(Exit.SETTINGS, "--service: needs the name and the password of an account; give both")
    return {
        "upstream.vc.account": "service",
        "upstream.vc.username": name,
        "upstream.vc.password": password,
        "upstream.vc.roles": [ADMINISTRATOR],
    }


def announce_gateway(
    upstream: str, own: str | None, started: Started, *, service: bool = False
) -> None:
    """Say what clients change, and what stays."""
    ca = started.certificates.ca if started.certificates is not None else None
    names = "our own name and password below" if service else "names and passwords of that vCenter"
    print()
    print(f"Gateway before {upstream}: log in with {names}.")
    if own is not None:
        print(f"  export GOVC_URL={own}/sdk GOVC_PERSIST_SESSION=false")
    if ca is not None:
        print(f"  export GOVC_TLS_CA_CERTS={shlex.quote(str(ca))}")
    print("  export GOVC_USERNAME=... GOVC_PASSWORD=...")
    print()
    if service:
        print("Our own administrator, by whom clients log in:")
    else:
        print("Our own administrator sees the sessions here, and nothing of the vCenter:")
