"""The two kinds of servers behind us: what a vCenter and a ZVM have for the leases there."""

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from sessiongate.gateway.credentials.credential import Credential
from sessiongate.gateway.credentials.rest_logins import RestLogins
from sessiongate.gateway.leases.renewals import Renewals
from sessiongate.gateway.leases.rest_tokens import RestTokens
from sessiongate.gateway.leases.session_kind import LeaseTokens, SessionKind
from sessiongate.gateway.leases.stored_leases import StoredLeases
from sessiongate.gateway.leases.vcenter_sessions import VCenterSessions
from sessiongate.gateway.leases.zvm_sessions import ZvmSessions
from sessiongate.telemetry.upstream_counters import UpstreamMeters
from sessiongate.upstream.exchange import Exchange
from sessiongate.upstream.zvm import Zvm


class UpstreamKind(NamedTuple):
    """How sessions there live."""

    sessions: SessionKind
    tokens: LeaseTokens
    rest: RestLogins | None = None
    """Logins of the service account to an Automation API that keeps its own sessions."""


Kinds = Callable[[StoredLeases, UpstreamMeters, Credential | None], UpstreamKind]
"""Makes the kind of one upstream, for leases in these rows, of this account if there is one."""


def of_vcenter(upstream: str, exchange: Exchange, timeout: timedelta) -> Kinds:
    """The kind of a vCenter."""

    def made(
        rows: StoredLeases, meters: UpstreamMeters, credential: Credential | None
    ) -> UpstreamKind:
        sessions, rest = VCenterSessions(upstream, exchange, timeout, rows.tokens), None
        if credential is not None:
            rest = RestLogins(upstream, exchange, timeout, meters, credential)
        tokens = RestTokens(upstream, exchange, timeout, rows, sessions, meters, rest)
        return UpstreamKind(sessions, tokens, rest)

    return made


def of_zvm(zvm: Zvm, *, shared: bool) -> Kinds:
    """The kind of a ZVM. `shared`: other processes use the same leases."""

    def made(rows: StoredLeases, _: UpstreamMeters, credential: Credential | None) -> UpstreamKind:
        return UpstreamKind(ZvmSessions(zvm), Renewals(zvm, rows, credential, shared=shared))

    return made
