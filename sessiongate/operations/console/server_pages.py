"""The pages about the server itself: what it goes by, and how a client gets in."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial

import msgspec

from sessiongate.errors import NotFound
from sessiongate.operations.console.page import Action, Page, Raw, Visit
from sessiongate.operations.console.parts import ConsoleParts
from sessiongate.rules.access import ADMINISTER

_NAMED = "ca.pem"


class SettingLine(msgspec.Struct, frozen=True):
    """A setting in force."""

    name: str
    value: object
    """`***` for a secret."""
    origin: str


class SettingsPage(msgspec.Struct, frozen=True):
    """All settings, and the certificate that is served."""

    rows: list[SettingLine]
    urls: tuple[str, ...]
    certificate: str
    until: datetime | None
    has_authority: bool


class Recipe(msgspec.Struct, frozen=True):
    """Lines that log in."""

    title: str
    lines: str


class TryPage(msgspec.Struct, frozen=True):
    """How clients log in at this server."""

    recipes: list[Recipe]
    certificate: str
    has_authority: bool


def pages(parts: ConsoleParts) -> list[Page | Action]:
    """The pages of this module."""
    settings, tried, ca = (partial(look, parts) for look in (_settings, _try, _authority))
    return [
        Page("try", "Try it", tried, "try.html", menu="Try it", letter="t"),
        Page(f"try/{_NAMED}", "Certificate authority", ca),
        Page("settings", "Settings", settings, "settings.html", ADMINISTER, menu="Settings"),
    ]


async def _settings(parts: ConsoleParts, _: Visit) -> SettingsPage:
    facts = await parts.facts()
    rows = [
        SettingLine(name, _shown(one), str(one["origin"])) for name, one in facts.settings.items()
    ]
    has = bool(facts.authority)
    return SettingsPage(rows, facts.urls, facts.certificate, facts.until, has)


def _shown(setting: Mapping[str, object]) -> object:
    value = setting["value"]
    return "" if value is None else value


async def _try(parts: ConsoleParts, _: Visit) -> TryPage:
    facts = await parts.facts()
    url = next((one for one in facts.urls if not one.startswith("unix:")), "https://SERVER:9669")
    return TryPage(
        recipes_for(url, trusts=bool(facts.authority)), facts.certificate, bool(facts.authority)
    )


def recipes_for(url: str, *, trusts: bool) -> list[Recipe]:
    """Lines for a shell or a program that log in at this address; `trusts` by the CA's file."""
    host, port = url.partition("://")[2].rpartition(":")[::2]
    ca = f" --cacert {_NAMED}" if trusts else ""
    context = f", sslContext=ssl.create_default_context(cafile='{_NAMED}')" if trusts else ""
    tls = f"export GOVC_TLS_CA_CERTS={_NAMED}\n" if trusts else ""
    connect = f"Connect-VIServer -Server {host} -Port {port or 443} -Credential (Get-Credential)"
    govc = (
        f"{tls}export GOVC_URL={url} GOVC_USERNAME=NAME\n"
        "read -rs GOVC_PASSWORD\nexport GOVC_PASSWORD\ngovc about"
    )
    return [
        Recipe("curl, vSphere Automation", f"curl -sS{ca} -u NAME -X POST {url}/api/session"),
        Recipe("curl, Zerto", f"curl -sS -i{ca} -u NAME -X POST {url}/v1/session/add"),
        Recipe("govc", govc),
        Recipe(
            "pyVmomi",
            "import getpass, ssl\nfrom pyVim.connect import SmartConnect\n"
            f"there = SmartConnect(host='{host}', port={port or 443}, user='NAME',"
            f" pwd=getpass.getpass(){context})\nprint(there.content.about.fullName)",
        ),
        Recipe("PowerCLI", connect),
    ]


async def _authority(parts: ConsoleParts, _: Visit) -> Raw:
    facts = await parts.facts()
    if not facts.authority:
        raise NotFound("The certificate is of an authority of your own: take its file from there.")
    return Raw(facts.authority, "application/x-pem-file", _NAMED)
