"""Whether a call of vim25 may be sent at all: by its method, its session, and how much that has."""

from sessiongate.errors import NotSupported, Overloaded, QuotaReached
from sessiongate.gateway.calls.call import ForwardedCall
from sessiongate.gateway.calls.clients import GatewayClient
from sessiongate.gateway.relay_rules import RelayRules
from sessiongate.rules.relay import Kind
from sessiongate.session import Session

_DENY, _OWN = Kind.DENY, Kind.OWN


class Permits:
    """By the settings of one upstream."""

    def __init__(self, rules: RelayRules) -> None:
        self._rules = rules

    def require_forwarded(self, session: Session, call: ForwardedCall) -> None:
        """Raise NotSupported or NoPermission for what is sent for nobody, or not for this one."""
        request, kind = call.request, call.verdict.kind
        if request.names_session_manager:
            raise NotSupported("properties of the SessionManager are read by themselves")
        if kind is _DENY or kind is _OWN or request.method in self._rules.denied:
            raise NotSupported(f"{request.method} is not forwarded")
        self._rules.require_use(session, reads=call.verdict.reads)

    def require_quota(self, client: GatewayClient, call: ForwardedCall) -> None:
        """Raise QuotaReached or Overloaded where its client has as much as one may have."""
        rules = self._rules
        if call.opens and len(client.book.objects) + client.opening >= rules.objects:
            raise self._too_many_objects()
        if call.waits:
            if client.polls >= rules.waits_each:
                raise QuotaReached(f"one session may have {rules.waits_each} waits under way")
        elif client.calls >= rules.calls_each:
            raise Overloaded(f"one session may have {rules.calls_each} calls under way")

    def require_room(self, client: GatewayClient) -> None:
        """Raise QuotaReached where too many objects came to be while a call waited that opens one,
        and is counted.
        """
        if len(client.book.objects) + client.opening > self._rules.objects:
            raise self._too_many_objects()

    def _too_many_objects(self) -> QuotaReached:
        return QuotaReached(f"one session may have {self._rules.objects} objects open")
