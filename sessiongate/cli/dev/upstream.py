"""`sessiongate dev --upstream`: a throw-away gateway before a vCenter or a ZVM, for a trial."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from sessiongate.app.started import Started
from sessiongate.cli.output import Exit, fail
from sessiongate.cli.prompts import hidden, typed
from sessiongate.cli.text import line_of_stdin
from sessiongate.rules.access import ADMINISTRATOR


class Trial(msgspec.Struct, frozen=True):
    """What a trial of a gateway stands before."""

    url: str
    service: bool
    zerto: bool

    @property
    def name(self) -> str:
        """What the upstream's table is called."""
        return "zvm" if self.zerto else "vc"

    def announce(self, own: str, started: Started) -> None:
        """Say what clients change, and what stays. `own` is where they find us."""
        if self.zerto:
            _announce_bridge(self.url, own, started)
        else:
            _announce_gateway(self.url, own, started, service=self.service)


DOMAIN = "dev.sessiongate"
"""Of the users of `dev` itself, since all other names are the upstream's."""

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
ZertoOption = Annotated[
    bool, typer.Option("--zerto", help="The upstream is a ZVM, classic or an appliance.")
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
    zerto: bool = False,
) -> dict[str, object]:
    """The settings of such a gateway; nothing without a `url`. Raises typer.BadParameter.

    At `service` the account is asked for.
    """
    if url is None:
        if fingerprints or ca is not None or insecure or service or zerto:
            raise typer.BadParameter("is required with the others", param_hint="--upstream")
        return {}
    if zerto and service:
        raise typer.BadParameter("is for a vCenter", param_hint="--service")
    if url.startswith("http://") and not insecure:
        rule = "has no certificate to verify: give https://, or --insecure with it"
        raise typer.BadParameter(rule, param_hint="--upstream")
    name, kind = ("zvm", "zvm") if zerto else ("vc", "vcenter")
    flags: dict[str, object] = {
        f"upstream.{name}.type": kind,
        f"upstream.{name}.url": url,
        f"upstream.{name}.verify": not insecure,
        "identity.local.type": "file",
        "identity.local.domains": [DOMAIN],
    }
    callers = _OF_A_ZVM if zerto else _CALLERS
    flags |= _service() if service else callers
    if fingerprints:
        flags[f"upstream.{name}.fingerprint"] = fingerprints
    if ca is not None:
        flags[f"upstream.{name}.ca"] = str(ca.absolute())
    return flags


_CALLERS: dict[str, object] = {
    "identity.vc.type": "vcenter",
    "identity.vc.upstream": "vc",
    "identity.vc.role": ADMINISTRATOR,
    "dialects.vsphere.default": "vc",
}


_OF_A_ZVM: dict[str, object] = {
    "identity.zvm.type": "zvm",
    "identity.zvm.upstream": "zvm",
    "identity.zvm.role": ADMINISTRATOR,
    "dialects.zerto.windows": "zvm",
    "dialects.zerto.hypervisor": "zvm",
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


def _announce_gateway(upstream: str, own: str, started: Started, *, service: bool) -> None:
    ca = started.certificates.ca if started.certificates is not None else None
    names = "our own name and password below" if service else "names and passwords of that vCenter"
    print()
    print(f"Gateway before {upstream}: log in with {names}.")
    print(f"  export GOVC_URL={own}/sdk GOVC_PERSIST_SESSION=false")
    if ca is not None:
        print(f"  export GOVC_TLS_CA_CERTS={shlex.quote(str(ca))}")
    print("  export GOVC_USERNAME=... GOVC_PASSWORD=...")
    print()
    if service:
        print("Our own administrator, by whom clients log in:")
    else:
        print("Our own administrator sees the sessions here, and nothing of the vCenter:")


def _announce_bridge(upstream: str, own: str, started: Started) -> None:
    ca = started.certificates.ca if started.certificates is not None else None
    trust = f" --cacert {shlex.quote(str(ca))}" if ca is not None else ""
    print()
    print(f"Gateway before {upstream}: log in with the names and passwords of that ZVM.")
    print(f"  curl -i{trust} -u USER:PASSWORD -X POST {own}/v1/session/add")
    print(f"  curl{trust} -H 'x-zerto-session: ...' {own}/v1/vpgs")
    print()
    print("Our own administrator sees the sessions here, and nothing of the ZVM:")
