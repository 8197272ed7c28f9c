"""Which calls are sent at all. The stories are in `test_relay`."""

from datetime import timedelta

import pytest

from sessiongate.errors import NotSupported, Overloaded, QuotaReached
from sessiongate.gateway.calls.call import ForwardedCall
from sessiongate.gateway.calls.clients import GatewayClient
from sessiongate.gateway.calls.permits import Permits
from sessiongate.gateway.relay_rules import RelayRules
from sessiongate.session import Person
from sessiongate.wire.vim.client import envelope
from sessiongate.wire.vim.relayed import read_relayed
from tests.gateway.test_accounts import session_of

ADA = session_of(Person("local", "ada"))
PERMITS = Permits(
    RelayRules(
        "vc1",
        shared=True,
        timeout=timedelta(seconds=60),
        queue_time=1.0,
        waits=8,
        objects=1,
        waits_each=1,
        calls_each=1,
        denied=frozenset({"PowerOnVM_Task"}),
    )
)


def call_of(method: str, kind: str = "Folder", name: str = "group-d1") -> ForwardedCall:
    return ForwardedCall(read_relayed(envelope(method, kind, name)), ())


def test_what_is_sent_for_nobody_is_refused() -> None:
    PERMITS.require_forwarded(ADA, call_of("CurrentTime"))
    for method in ("ExecuteSoap", "PowerOnVM_Task", "VslmLoginByToken"):
        with pytest.raises(NotSupported):
            PERMITS.require_forwarded(ADA, call_of(method))
    with pytest.raises(NotSupported):
        PERMITS.require_forwarded(ADA, call_of("Fetch", "SessionManager", "SessionManager"))


def test_a_client_has_so_much_and_no_more() -> None:
    client = GatewayClient(ADA)
    for method in ("CurrentTime", "WaitForUpdatesEx", "CreateContainerView"):
        PERMITS.require_quota(client, call_of(method))
    client.calls = client.polls = client.opening = 1
    PERMITS.require_room(client)
    with pytest.raises(Overloaded):
        PERMITS.require_quota(client, call_of("CurrentTime"))
    for method in ("WaitForUpdatesEx", "CreateContainerView"):
        with pytest.raises(QuotaReached):
            PERMITS.require_quota(client, call_of(method))
    client.opening = 2
    with pytest.raises(QuotaReached):
        PERMITS.require_room(client)
