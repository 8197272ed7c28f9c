"""Gateways for tests of faults: servers of this process before another one, which is strict."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sessiongate.testing import Gate

Settings = Mapping[str, object]

_DOMAIN = {"identity.local.type": "file", "identity.local.domains": ["vsphere.local"]}
VERA = "vera@vsphere.local"
"""A caller at the upstream, by its name there."""


@dataclass(frozen=True)
class House:
    """A gateway, and the server behind it."""

    gate: Gate
    there: Gate

    def empty(self) -> None:
        """Both are as they were at first."""
        self.gate.reset()
        self.there.reset()

    @property
    def sessions(self) -> set[str]:
        """Keys of those that are alive at the upstream."""
        return {one.key for one in self.there.sessions()}


@contextmanager
def shared_house() -> Iterator[House]:
    """Before a vCenter, by a service account."""
    with _there(_DOMAIN) as there:
        settings = _table("vcenter", there) | {
            "upstream.up.account": "service",
            "upstream.up.username": "svc@vsphere.local",
            "upstream.up.password": there.users["svc"].password,
            "upstream.up.roles": ["administrator"],
            "upstream.up.size": 1,
        }
        with Gate.start(tls=False, users=["ci"], settings=settings) as gate:
            yield House(gate, there)


@contextmanager
def callers_house() -> Iterator[House]:
    """Before a vCenter, by the accounts of those who log in."""
    with _there(_DOMAIN) as there:
        settings = _table("vcenter", there) | _own_users("vcenter")
        with Gate.start(tls=False, users=["ci"], settings=settings) as gate:
            yield House(gate, there)


@contextmanager
def zvm_house() -> Iterator[House]:
    """Before a classic ZVM."""
    with _there({}) as there:
        settings = _table("zvm", there) | _own_users("zvm")
        settings |= {"upstream.up.flavor": "classic", "dialects.zerto.windows": "up"}
        with Gate.start(tls=False, users=["ci"], settings=settings) as gate:
            yield House(gate, there)


def _there(settings: Settings) -> Gate:
    users = {"svc": "administrator", "vera": "administrator"}
    return Gate.start(tls=False, users=users, settings=settings)


def _table(kind: str, there: Gate) -> dict[str, object]:
    return {
        "upstream.up.type": kind,
        "upstream.up.url": there.url,
        "upstream.up.verify": False,
    }


def _own_users(kind: str) -> dict[str, object]:
    return {
        "identity.up.type": kind,
        "identity.up.upstream": "up",
        "identity.up.role": "administrator",
        "identity.local.type": "file",
        "identity.local.domains": ["here.example"],
        **({"identity.up.domains": ["vsphere.local"]} if kind == "vcenter" else {}),
    }
