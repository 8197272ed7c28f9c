"""One ZVM as the rest of the server sees it."""

from sessiongate.gateway.calls.parse_queue import ParseQueue
from sessiongate.gateway.calls.zerto_calls import ZertoRelay
from sessiongate.gateway.leases.own_calls import OwnCalls
from sessiongate.gateway.leases.renewals import Renewals
from sessiongate.gateway.leases.zvm_calls import ZvmCalls
from sessiongate.gateway.upstream_gateway import UpstreamGateway
from sessiongate.upstream.zvm import Zvm


class ZvmGateway(UpstreamGateway):
    """A ZVM, classic or of an appliance. Its accounts have been made for one."""

    @property
    def zvm(self) -> Zvm:
        """What opens, renews and ends sessions there."""
        return self._renewals.zvm

    @property
    def _renewals(self) -> Renewals:
        assert isinstance(self.accounts.tokens, Renewals)  # noqa: S101  made for a ZVM
        return self.accounts.tokens

    def _own_calls(self) -> OwnCalls:
        return ZvmCalls(self._exchange, self._rules.timeout, self._renewals)

    def _complete(self) -> None:
        self.parse_queue = ParseQueue()
        self.resources = ZertoRelay(
            self._rules, self.url, self.side, self._renewals, self._rows.tokens
        )
