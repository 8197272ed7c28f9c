"""Logins and logouts as events, and what filters let through."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sessiongate.errors import InvalidArgument
from sessiongate.testing.sessions import a_session
from sessiongate.wire.vim.methods import ROOT_FOLDER, SESSION_MANAGER
from sessiongate.wire.vim.session_events import (
    LOGIN,
    LOGOUT,
    MOST_LISTED,
    EventFilter,
    description,
    description_of_tasks,
    login_event,
    logout_event,
)
from sessiongate.wire.vim.types import TYPES, Data

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
ONE = a_session(at=NOON)
EVENTS = [login_event(1, ONE), logout_event(2, ONE, NOON + timedelta(hours=1))]


def test_an_event_has_the_members_of_its_type_in_their_order() -> None:
    for event in EVENTS:
        known = [field.name for field in TYPES[event.type]]
        assert [name for name in known if name in event.members] == list(event.members)
        assert event.members["sessionId"] == ONE.key
    assert [event.type for event in EVENTS] == [LOGIN, LOGOUT]
    assert ONE.digest.hex() not in repr(EVENTS)


def by_entity(entity: object, recursion: str) -> dict[str, Any]:
    return {"entity": Data("EventFilterSpecByEntity", {"entity": entity, "recursion": recursion})}  # type: ignore[dict-item]


def by_time(**bounds: Any) -> dict[str, Any]:
    return {"time": Data("EventFilterSpecByTime", bounds)}


def by_user(system: bool, *names: str) -> dict[str, Any]:
    members: dict[str, Any] = {"systemUser": system, "userList": list(names)}
    return {"userName": Data("EventFilterSpecByUsername", members)}


@pytest.mark.parametrize(
    ("asked", "keys"),
    [
        ({}, [1, 2]),
        ({"type": ["UserLoginSessionEvent"]}, [1]),
        ({"type": ["SessionEvent"]}, [1, 2]),
        ({"type": ["Event"]}, [1, 2]),
        ({"type": ["VmEvent"]}, []),
        ({"eventTypeId": ["vim.event.UserLogoutSessionEvent"]}, [2]),
        ({"eventTypeId": ["UserLoginSessionEvent", "x"]}, [1]),
        ({"category": ["info"]}, [1, 2]),
        ({"category": ["error"]}, []),
        ({"eventChainId": 2}, [2]),
        (by_entity(ROOT_FOLDER, "all"), [1, 2]),
        (by_entity(ROOT_FOLDER, "children"), []),
        (by_entity(SESSION_MANAGER, "self"), []),
        (by_time(), [1, 2]),
        (by_time(beginTime=NOON + timedelta(minutes=1)), [2]),
        (by_time(endTime=NOON), [1]),
        (by_user(False, ONE.user_name), [1, 2]),
        (by_user(False, "nobody"), []),
        (by_user(True), []),
        (by_user(False), [1, 2]),
    ],
)
def test_a_filter_lets_through_what_it_names(asked: dict[str, Any], keys: list[int]) -> None:
    wanted = EventFilter(Data("EventFilterSpec", asked))
    assert [event.members["key"] for event in EVENTS if wanted.lets_through(event)] == keys


def test_sec_73_a_list_of_a_filter_is_bounded() -> None:
    """Each entry was held against each of a thousand events: one request took seconds."""
    many: Any = ["x"] * (MOST_LISTED + 1)
    for asked in (
        *({name: many} for name in ("type", "eventTypeId", "category")),
        by_user(False, *many),
    ):
        with pytest.raises(InvalidArgument, match="more than 100 entries"):
            EventFilter(Data("EventFilterSpec", asked))
    assert EventFilter(Data("EventFilterSpec", {"type": many[1:]})).lets_through(EVENTS[0]) is False


def test_descriptions_are_whole() -> None:
    for told in (description(), description_of_tasks()):
        assert list(told.members) == [field.name for field in TYPES[told.type]]
    details: Any = description().members["eventInfo"]
    assert [one.members["key"] for one in details] == [LOGIN, LOGOUT]
