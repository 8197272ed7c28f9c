"""EventManager, TaskManager and the collectors of their clients.

The events are the logins and logouts of sessions: one's own, and everybody's for whoever may list
sessions. There are no tasks.
"""

from collections.abc import Sequence

from sessiongate import errors
from sessiongate.dialects.vim.context import Context
from sessiongate.dialects.vim.event_log import EventLog
from sessiongate.dialects.vim.idle import Idle
from sessiongate.dialects.vim.session_objects import MOST, Made, SessionObjects
from sessiongate.rules.access import LIST_SESSIONS, TERMINATE_SESSION
from sessiongate.service.sessions import Sessions
from sessiongate.wire.vim import session_events
from sessiongate.wire.vim.methods.events import EVENTS, TASKS
from sessiongate.wire.vim.types import Data, MoRef

# As a vCenter has them: events on the latest page, and the most that one call gives.
_PAGE = 10
_LARGEST_PAGE = 1000


class History(Made):
    """A collector of events or tasks. Reading goes on from `place`, the key of an event.

    A new one stands before the oldest, as if it had been rewound: scripts read on at once.
    """

    def __init__(self, asked: Data) -> None:
        self.asked = asked
        self.place = 0
        """The newest event that was passed in reading onwards; what comes next is newer."""
        self.page = _PAGE


class Events(Idle):
    """Their methods and properties, by the names of their handlers."""

    def __init__(self, log: EventLog, objects: SessionObjects, sessions: Sessions) -> None:
        self._log = log
        self._objects = objects
        self._sessions = sessions

    # EventManager and TaskManager

    async def query_events(self, context: Context, filter: Data) -> list[Data]:  # noqa: A002
        found = self._seen(context, filter)
        most = filter.members.get("maxCount")
        few = min(most, _LARGEST_PAGE) if isinstance(most, int) and most > 0 else _LARGEST_PAGE
        return found[-few:]

    async def create_collector_for_events(
        self,
        context: Context,
        filter: Data,  # noqa: A002 - as the API has it
    ) -> MoRef:
        return self._objects.add(context, EVENTS, History(filter))

    async def create_collector_for_tasks(
        self,
        context: Context,
        filter: Data,  # noqa: A002 - as the API has it
    ) -> MoRef:
        return self._objects.add(context, TASKS, History(filter))

    async def latest_event(self, context: Context) -> Data | None:
        found = self._seen(context, Data("EventFilterSpec", {}))
        return found[-1] if found else None

    async def max_collector(self, context: Context) -> int:
        return MOST

    async def event_description(self, context: Context) -> Data:
        return session_events.description()

    async def task_description(self, context: Context) -> Data:
        return session_events.description_of_tasks()

    # Collectors

    async def set_collector_page_size(self, context: Context, max_count: int) -> None:
        self._history(context).page = _positive(max_count)

    async def rewind_collector(self, context: Context) -> None:
        self._history(context).place = 0

    async def reset_collector(self, context: Context) -> None:
        self._history(context).place = self._log.latest

    async def destroy_collector(self, context: Context) -> None:
        self._history(context)
        self._objects.remove(context, context.target)

    async def read_next_events(self, context: Context, max_count: int) -> list[Data]:
        history = self._history(context)
        newer = [one for one in self._seen(context, history.asked) if _key(one) > history.place]
        page = newer[: _positive(max_count)]
        if page:
            history.place = _key(page[-1])
        return page

    async def read_previous_events(self, context: Context, max_count: int) -> list[Data]:
        history = self._history(context)
        older = [one for one in self._seen(context, history.asked) if _key(one) <= history.place]
        page = older[-_positive(max_count) :]
        if page:
            history.place = _key(page[0]) - 1
        return page[::-1]

    async def read_tasks(self, context: Context, max_count: int) -> list[Data]:
        self._history(context)
        _positive(max_count)
        return []

    async def collected(self, context: Context) -> Data:
        return self._history(context).asked

    async def latest_page(self, context: Context) -> list[Data]:
        history = self._history(context)
        return self._seen(context, history.asked)[-history.page :][::-1]

    def _history(self, context: Context) -> History:
        made = self._objects.find(context, context.target)
        if not isinstance(made, History):
            raise errors.UnknownObject(context.target.kind, context.target.name)
        return made

    def _seen(self, context: Context, asked: Data) -> list[Data]:
        """The events that a filter lets through and the caller may see, oldest first."""
        caller = context.known_caller
        found: Sequence[Data] = session_events.matching(self._log, asked)
        held = self._sessions.privileges(caller)
        if LIST_SESSIONS in held or TERMINATE_SESSION in held:
            return list(found)
        return [one for one in found if one.members["sessionId"] == caller.key]


def _key(event: Data) -> int:
    key = event.members["key"]
    return key if isinstance(key, int) else 0


def _positive(count: int) -> int:
    if not 0 < count <= _LARGEST_PAGE:
        raise errors.InvalidArgument("maxCount", f"not between 1 and {_LARGEST_PAGE}")
    return count
