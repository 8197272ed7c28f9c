"""Logins and logouts as vSphere events, and which of them a filter lets through."""

from collections.abc import Mapping
from datetime import datetime

from sessiongate.errors import InvalidArgument
from sessiongate.session import Session
from sessiongate.wire.vim.methods import ROOT_FOLDER, resolve
from sessiongate.wire.vim.types import BASES, Data, MoRef

LOGIN, LOGOUT = "UserLoginSessionEvent", "UserLogoutSessionEvent"
_CATEGORY = "info"
# How newer clients name the type of an event.
_TYPE_ID = "vim.event."

MOST_LISTED = 100
"""Entries that a list of a filter may have."""


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


class EventFilter:
    """An EventFilterSpec, read once: what it asks of an event costs the same however long it is."""

    def __init__(self, spec: Data) -> None:
        """Raises InvalidArgument for a list of more than `MOST_LISTED` entries."""
        wanted = spec.members
        kinds = {LOGIN, LOGOUT}
        if asked := _listed(wanted, "type"):
            kinds = {kind for kind in kinds if {kind, BASES.get(kind), "SessionEvent"} & asked}
        if ids := {one.removeprefix(_TYPE_ID) for one in _listed(wanted, "eventTypeId")}:
            kinds &= ids
        categories = _listed(wanted, "category")
        if (categories and _CATEGORY not in categories) or not _at_root(wanted.get("entity")):
            kinds = set()
        self._kinds = kinds
        self._chain = wanted.get("eventChainId")
        self._begin, self._end = _span(wanted.get("time"))
        by_user = wanted.get("userName")
        self._users: set[str] | None = None
        if isinstance(by_user, Data):
            self._users = _listed(by_user.members, "userList")
            if not self._users and not by_user.members["systemUser"]:
                self._users = None  # What the system does itself is no event here.

    def lets_through(self, event: Data) -> bool:
        """Whether this is one of the events that were asked for."""
        facts = event.members
        at = facts["createdTime"]
        return (
            event.type in self._kinds
            and (self._chain is None or self._chain == facts["chainId"])
            and (self._users is None or facts["userName"] in self._users)
            and isinstance(at, datetime)
            and (self._begin is None or self._begin <= at)
            and (self._end is None or at <= self._end)
        )


def _listed(members: Mapping[str, object], name: str) -> set[str]:
    value = members.get(name)
    entries = value if isinstance(value, list | tuple) else ()
    if len(entries) > MOST_LISTED:
        raise InvalidArgument("filter", f"more than {MOST_LISTED} entries of {name}")
    return {str(one) for one in entries}


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


def _span(by_time: object) -> tuple[datetime | None, datetime | None]:
    if not isinstance(by_time, Data):
        return None, None
    begin, end = by_time.members.get("beginTime"), by_time.members.get("endTime")
    return (
        begin if isinstance(begin, datetime) else None,
        end if isinstance(end, datetime) else None,
    )


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
