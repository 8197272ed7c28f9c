"""Connections that meet faults before they have said anything."""

import asyncio
import ssl

from sessiongate.faults.book import Hit
from sessiongate.faults.certificates import OddCertificates
from sessiongate.faults.rule import RequestFacts, Scope
from sessiongate.faults.state import FaultState
from sessiongate.http.message import CutOff


class FaultyArrivals:
    """Decides of new connections as the rules say."""

    def __init__(self, state: FaultState, certificates: OddCertificates) -> None:
        self._state = state
        self._certificates = certificates
        self._notes: set[asyncio.Task[None]] = set()

    def turned_away(self, address: str) -> CutOff | None:
        """How a new connection ends at once; None where it does not."""
        hit = self._decide(Scope.CONNECTION, address)
        return CutOff(reset=hit.fault == "conn.reset") if hit is not None else None

    def context(self, address: str) -> ssl.SSLContext | None:
        """The TLS of a handshake, where a rule says another certificate."""
        hit = self._decide(Scope.HANDSHAKE, address)
        if hit is None:
            return None
        return self._certificates.context(hit.fault, new_issuer=hit.args.get("issuer") == "new")

    def _decide(self, scope: Scope, address: str) -> Hit | None:
        rules = self._state.rules
        if rules is None:
            return None
        facts = RequestFacts(arrival=scope, address=address)
        hit = rules.decide(facts, self._state.now())
        if hit is not None:
            note = asyncio.get_running_loop().create_task(self._state.note(hit, facts))
            self._notes.add(note)
            note.add_done_callback(self._notes.discard)
        return hit
