"""What an administrator should look at: each at its bound, and nothing of what is in order."""

from datetime import timedelta

from sessiongate.operations.console.attention import attention, sessions_of
from sessiongate.rules.leaks import SEVERAL, ClientRow
from sessiongate.telemetry.upstream_counters import UpstreamNow
from sessiongate.testing import T0
from tests.each import each

FINE = {
    "sessiongate_names_locked": 0.0,
    "sessiongate_sessions_live": 80.0,
    "sessiongate_certificate_not_after_seconds": (T0 + timedelta(days=31)).timestamp(),
}


def upstream(used: int, most: int = 10, *, away: bool = False) -> UpstreamNow:
    return UpstreamNow({"idle": 1, "active": used - 1}, most, 0, 0, 0, breaker_open=away)


def client(left: int, share: float, user: str = "bob", address: str = "192.0.2.1") -> ClientRow:
    return ClientRow(
        user=user, provider="local", agent="govc", address=address, not_logged_out=left, share=share
    )


def told(
    values: dict[str, float], upstreams: dict[str, UpstreamNow] | None = None, *clients: ClientRow
) -> list[str]:
    found = attention({**FINE, **values}, 100, upstreams or {}, {}, clients, T0)
    return [one.text for one in found]


def test_where_all_is_in_order_nothing_is_told() -> None:
    assert told({}, {"vc1": upstream(8)}, client(9, 1.0), client(50, 0.4)) == []


@each(
    ("values", "text"),
    [
        ({"sessiongate_sessions_live": 81.0}, "81 of 100 sessions are open (sessions.max_total)."),
        ({"sessiongate_audit_events_lost_total": 2.0}, "2 events of the audit were lost"),
        ({"sessiongate_names_locked": 1.0}, "1 name is locked after failed logins."),
        ({"sessiongate_names_locked": 2.0}, "2 names are locked after failed logins."),
        ({"sessiongate_audit_copies_lost_total": 3.0}, "3 copies of audit events were lost"),
        (
            {"sessiongate_certificate_not_after_seconds": (T0 + timedelta(days=29)).timestamp()},
            "The certificate ends in 29 days.",
        ),
        (
            {"sessiongate_certificate_not_after_seconds": (T0 + timedelta(days=1)).timestamp()},
            "The certificate ends in 1 day.",
        ),
        (
            {"sessiongate_certificate_not_after_seconds": (T0 - timedelta(days=1)).timestamp()},
            "The certificate has ended.",
        ),
    ],
)
def test_each_bound_is_told_of(values: dict[str, float], text: str) -> None:
    (found,) = told(values)
    assert found.startswith(text)


def test_upstreams_that_are_full_or_away_are_named() -> None:
    found = told({}, {"vc1": upstream(9), "vc2": upstream(2, away=True)})
    assert found == [
        "9 of 10 sessions at vc1 are in use.",
        "vc2 does not answer, or refuses our logins.",
    ]


def test_a_provider_that_does_not_answer_is_named_with_what_came_of_it() -> None:
    (one,) = attention(FINE, 0, {}, {"local": True, "corp": False}, [], T0)
    assert one.text.startswith("The identity provider corp does not answer")
    assert one.link == "audit?result=unavailable"


def test_a_store_that_does_not_answer_is_told_of_and_no_cap_has_no_bound() -> None:
    assert [one.text for one in attention({}, 0, {}, {}, [], T0)] == [
        "The session store does not answer."
    ]
    assert attention({"sessiongate_sessions_live": 1e6}, 0, {}, {}, [], T0) == []


def test_who_never_logs_out_is_named_with_where_its_sessions_are() -> None:
    (one,) = attention(FINE, 0, {}, {}, [client(10, 0.5), client(3, 1.0)], T0)
    assert one.text.startswith("bob with govc at 192.0.2.1 left 10 sessions open")
    assert one.link == "sessions?user=bob&address=192.0.2.1&provider=local"
    assert sessions_of(client(1, 1.0, address=SEVERAL)) == "sessions?user=bob&provider=local"


def test_of_many_only_the_first_are_told() -> None:
    clients = [client(100, 1.0, f"u{number}") for number in range(50)]
    assert len(attention(FINE, 0, {}, {}, clients, T0)) == 5
