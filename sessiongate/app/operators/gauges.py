"""What metrics say of this moment; what they count, `telemetry.counters` has."""

from collections.abc import Collection, Mapping
from contextlib import suppress

from sessiongate.audit.forwarding import AuditForwarder
from sessiongate.errors import Unavailable
from sessiongate.identity.appliance_clients import PROVIDER as CLIENTS
from sessiongate.identity.guard.guard import Guard
from sessiongate.identity.local.hashing import PasswordHasher
from sessiongate.store.measured import MeasuredStore
from sessiongate.telemetry.counters import Meters
from sessiongate.tls.certificates import Certificates


class Gauges:
    """Reads the parts of a server."""

    def __init__(
        self,
        store: MeasuredStore,
        guards: Collection[Guard],
        hasher: PasswordHasher,
        shipping: AuditForwarder,
        meters: Meters,
    ) -> None:
        self._store = store
        self._guards = guards
        self._hasher = hasher
        self._shipping = shipping
        self._meters = meters

    def answering(self) -> dict[str, bool]:
        """Whether each provider of the settings answers, as far as is known."""
        return {one.name: not one.is_down for one in self._guards if one.name != CLIENTS}

    async def read(
        self, listeners: Mapping[str, float], served: Certificates | None
    ) -> dict[str, float]:
        """The values by the name of their metric, with what the listeners say.

        `served` is the certificate in use. What the store would have to say is missing during an
        outage of it.
        """
        values: dict[str, float] = {
            **listeners,
            "sessiongate_hashing_queue": self._hasher.pending,
            "sessiongate_hashes_total": self._hasher.done,
            "sessiongate_lockouts_total": sum(guard.lockouts for guard in self._guards),
            "sessiongate_verified_cache_hits_total": sum(guard.hits for guard in self._guards),
            "sessiongate_audit_events_lost_total": self._store.audit.lost,
            "sessiongate_audit_events_merged_total": self._meters.merged,
            "sessiongate_audit_copies_lost_total": self._shipping.lost,
            **self._store.counts(),
        }
        if served is not None:
            until = served.facts.not_after
            values["sessiongate_certificate_not_after_seconds"] = until.timestamp()
        with suppress(Unavailable):  # then the errors are counted, and this is unknown
            locked = [len(await guard.locked()) for guard in self._guards]
            values["sessiongate_names_locked"] = sum(locked)
            values["sessiongate_sessions_live"] = await self._store.count()
        return values
