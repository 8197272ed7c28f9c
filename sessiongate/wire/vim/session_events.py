"""Logins and logouts as vSphere events, and which of them a filter lets through."""

from collections.abc import Iterable
from datetime import datetime

from sessiongate.session import Session
from sessiongate.wire.vim.methods import ROOT_FOLDER, resolve
from sessiongate.wire.vim.types import BASES, Data, MoRef

LOGIN, LOGOUT = "UserLoginSessionEvent", "UserLogoutSessionEvent"
_CATEGORY = "info"
# How newer clients name the type of an event.
_TYPE_ID = "vim.event."


def login_event(key: int, session: Session) -> Data:
    """The event of a session that was opened."""
    return Data(
        LOGIN,
        {
            **_event(key, session, session.login_at, "logged in"),
            "ipAddress": session.ip_address,
            "userAgent": session.user_agent,
            "locale": session.locale,
            "sessionId": session.key,
        },
    )


def logout_event(key: int, session: Session, at: datetime) -> Data:
    """The event of a session that is over, for whatever reason."""
    return Data(
        LOGOUT,
        {
            **_event(key, session, at, "logged out"),
            "ipAddress": session.ip_address,
            "userAgent": session.user_agent,
            "callCount": session.call_count,
            "sessionId": session.key,
            "loginTime": session.login_at,
        },
    )


def _event(key: int, session: Session, at: datetime, what: str) -> dict[str, int | str | datetime]:
    who = f"{session.user_name}@{session.ip_address}"
    return {
        "key": key,
        "chainId": key,
        "createdTime": at,
        "userName": session.user_name,
        "fullFormattedMessage": f"User {who} {what}",
    }


def matching(events: Iterable[Data], spec: Data) -> list[Data]:
    """The events that an EventFilterSpec lets through, in their order."""
    return [event for event in events if _matches(event, spec)]


def _matches(event: Data, spec: Data) -> bool:
    wanted, facts = spec.members, event.members
    kinds = _listed(wanted.get("type"))
    ids = [one.removeprefix(_TYPE_ID) for one in _listed(wanted.get("eventTypeId"))]
    categories = _listed(wanted.get("category"))
    chain = wanted.get("eventChainId")
    return (
        (not kinds or any(_is_a(event.type, kind) for kind in kinds))
        and (not ids or event.type in ids)
        and (not categories or _CATEGORY in categories)
        and (chain is None or chain == facts["chainId"])
        and _at_root(wanted.get("entity"))
        and _in_time(facts["createdTime"], wanted.get("time"))
        and _of_user(str(facts["userName"]), wanted.get("userName"))
    )


def _listed(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else []


def _is_a(kind: str, wanted: str) -> bool:
    return wanted in (kind, BASES.get(kind), "SessionEvent")


def _at_root(by_entity: object) -> bool:
    """Whether the events of the root folder are meant: there are no others."""
    if not isinstance(by_entity, Data):
        return True
    entity = by_entity.members["entity"]
    return (
        isinstance(entity, MoRef)
        and resolve(entity) == ROOT_FOLDER
        and (by_entity.members["recursion"] != "children")
    )


def _in_time(at: object, by_time: object) -> bool:
    if not isinstance(by_time, Data) or not isinstance(at, datetime):
        return True
    begin, end = by_time.members.get("beginTime"), by_time.members.get("endTime")
    return (not isinstance(begin, datetime) or begin <= at) and (
        not isinstance(end, datetime) or at <= end
    )


def _of_user(name: str, by_user: object) -> bool:
    if not isinstance(by_user, Data):
        return True
    users = _listed(by_user.members.get("userList"))
    # What the system does itself is no event here.
    return name in users if users else not by_user.members["systemUser"]


_LEVELS = (("info", "Information"), ("warning", "Warning"), ("error", "Error"), ("user", "User"))
_SENTENCES = (
    (LOGIN, "User login", "User {userName}@{ipAddress} logged in"),
    (LOGOUT, "User logout", "User {userName}@{ipAddress} logged out"),
)
_STATES = ("queued", "running", "success", "error")


def description() -> Data:
    """Which events there are, as EventDescription."""
    return Data(
        "EventDescription",
        {
            "category": [_element(key, label) for key, label in _LEVELS],
            "eventInfo": [
                Data(
                    "EventDescriptionEventDetail",
                    {
                        "key": kind,
                        "description": label,
                        "category": _CATEGORY,
                        "formatOnDatacenter": sentence,
                        "formatOnComputeResource": sentence,
                        "formatOnHost": sentence,
                        "formatOnVm": sentence,
                        "fullFormat": sentence,
                    },
                )
                for kind, label, sentence in _SENTENCES
            ],
        },
    )


def description_of_tasks() -> Data:
    """The states that tasks can have, as TaskDescription."""
    states = [_element(state, state.capitalize()) for state in _STATES]
    return Data("TaskDescription", {"methodInfo": [], "state": states, "reason": []})


def _element(key: str, label: str) -> Data:
    return Data("ElementDescription", {"label": label, "summary": label, "key": key})
