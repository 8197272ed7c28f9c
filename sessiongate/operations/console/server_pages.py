"""The pages about the server itself: what it goes by, and how a client gets in."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

import msgspec

from sessiongate.errors import NotFound
from sessiongate.operations.console.page import Action, Page, Raw, Visit
from sessiongate.operations.console.parts import ConsoleParts
from sessiongate.operations.console.port import Provider
from sessiongate.rules.access import ADMINISTER

_NAMED, _PEM = "ca.pem", "application/x-pem-file"

_EVERY = re.compile(r"^(https?://)(?:0\.0\.0\.0|\[::\])(?=:|$)")
"""An address at which a server listens, and nobody finds it."""


class SettingLine(msgspec.Struct, frozen=True):
    """A setting in force."""

    name: str
    value: object
    """`***` for a secret."""
    origin: str


class ListenerLine(msgspec.Struct, frozen=True):
    """Where the server listens, and for whom."""

    name: str
    address: str


class SettingsPage(msgspec.Struct, frozen=True):
    """All settings, the providers and listeners, and the certificate that is served."""

    rows: list[SettingLine]
    text: str
    """The settings as lines, to be copied."""
    providers: tuple[Provider, ...]
    listeners: list[ListenerLine]
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
        Page(f"try/{_NAMED}", "Certificate authority", ca, content_type=_PEM),
        Page(
            "settings",
            "Settings",
            settings,
            "settings.html",
            ADMINISTER,
            menu="Settings",
            letter="c",  # as in configuration: the sessions have the s
        ),
    ]


async def _settings(parts: ConsoleParts, _: Visit) -> SettingsPage:
    facts = await parts.facts()
    rows = [
        SettingLine(name, _value_of(one), str(one["origin"]))
        for name, one in facts.settings.items()
    ]
    listeners = [ListenerLine("Dialects", one) for one in facts.urls]
    listeners += [ListenerLine(name, address) for name, address in facts.own_urls.items()]
    return SettingsPage(
        rows,
        "\n".join(f"{one.name} = {one.value}" for one in rows),
        facts.providers,
        listeners,
        facts.certificate,
        facts.until,
        bool(facts.authority),
    )


def _value_of(setting: Mapping[str, object]) -> object:
    value = setting["value"]
    return "" if value is None else value


async def _try(parts: ConsoleParts, _: Visit) -> TryPage:
    facts = await parts.facts()
    url = address_in(facts.urls)
    return TryPage(
        recipes_for(url, trusts=bool(facts.authority)), facts.certificate, bool(facts.authority)
    )


def address_in(urls: Sequence[str]) -> str:
    """The address for clients, of those where a server listens; SERVER for a name that it may have.

    At every address, or by a socket alone, it does not know how others find it.
    """
    found = next((one for one in urls if not one.startswith("unix:")), "https://SERVER:9669")
    return _EVERY.sub(r"\1SERVER", found)


def recipes_for(url: str, *, trusts: bool) -> list[Recipe]:
    """Lines for a shell or a program that log in at this address; `trusts` by the CA's file."""
    scheme, _, rest = url.partition("://")
    host, port = rest.rpartition(":")[::2]
    plain = scheme == "http"  # which these two have to be told
    protocol, of_powercli = (", protocol='http'", " -Protocol http") if plain else ("", "")
    ca = f" --cacert {_NAMED}" if trusts else ""
    context = f", sslContext=ssl.create_default_context(cafile='{_NAMED}')" if trusts else ""
    tls = f"export GOVC_TLS_CA_CERTS={_NAMED}\n" if trusts else ""
    connect = f"Connect-VIServer -Server {host} -Port {port or 443}{of_powercli}"
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
            f" pwd=getpass.getpass(){context}{protocol})\nprint(there.content.about.fullName)",
        ),
        Recipe("PowerCLI", f"{connect} -Credential (Get-Credential)"),
    ]


async def _authority(parts: ConsoleParts, _: Visit) -> Raw:
    facts = await parts.facts()
    if not facts.authority:
        raise NotFound("The certificate is of an authority of your own: take its file from there.")
    return Raw(facts.authority, _PEM, _NAMED)
