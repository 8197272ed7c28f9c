"""EventManager, TaskManager and the collectors of their clients.

The events are the logins and logouts of sessions: one's own, and everybody's for whoever may list
sessions. There are no tasks.
"""

from collections.abc import Iterable, Iterator
from itertools import islice

from sessiongate import errors
from sessiongate.dialects.vim.context import Context
from sessiongate.dialects.vim.event_log import EventLog
from sessiongate.dialects.vim.managed_object import ManagedObject
from sessiongate.dialects.vim.session_objects import MOST, SessionObject, SessionObjects
from sessiongate.rules.access import LIST_SESSIONS, TERMINATE_SESSION
from sessiongate.service.sessions import Sessions
from sessiongate.wire.vim import session_events
from sessiongate.wire.vim.methods.events import EVENTS, TASKS
from sessiongate.wire.vim.session_events import EventFilter
from sessiongate.wire.vim.types import Data, MoRef

# As a vCenter has them: events on the latest page, and the most that one call gives.
_PAGE = 10
_LARGEST_PAGE = 1000

_EVERY = EventFilter(Data("EventFilterSpec", {}))


class History(SessionObject):
    """A collector of events or tasks. Reading goes on from `place`, the key of an event.

    A new one stands before the oldest, as if it had been rewound: scripts read on at once.
    """

    def __init__(self, asked: Data, filter: EventFilter) -> None:  # noqa: A002
        self.asked = asked
        self.filter = filter
        self.place = 0
        """The newest event that was passed in reading onwards; what comes next is newer."""
        self.page = _PAGE


class Events(ManagedObject):
    """Their methods and properties, by the names of their handlers."""

    def __init__(self, log: EventLog, objects: SessionObjects, sessions: Sessions) -> None:
        self._log = log
        self._objects = objects
        self._sessions = sessions

    # EventManager and TaskManager

    async def query_events(self, context: Context, filter: Data) -> list[Data]:  # noqa: A002
        most = filter.members.get("maxCount")
        few = min(most, _LARGEST_PAGE) if isinstance(most, int) and most > 0 else _LARGEST_PAGE
        return self._newest(context, EventFilter(filter), few)[::-1]

    async def create_collector_for_events(
        self,
        context: Context,
        filter: Data,  # noqa: A002 - as the API has it
    ) -> MoRef:
        return self._objects.add(context, EVENTS, History(filter, EventFilter(filter)))

    async def create_collector_for_tasks(
        self,
        context: Context,
        filter: Data,  # noqa: A002 - as the API has it
    ) -> MoRef:
        return self._objects.add(context, TASKS, History(filter, _EVERY))

    async def latest_event(self, context: Context) -> Data | None:
        return next(iter(self._newest(context, _EVERY, 1)), None)

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
        history = self._history(context)
        page = self._newest(context, history.filter, history.page)
        history.place = _key(page[-1]) - 1 if page else self._log.latest

    async def destroy_collector(self, context: Context) -> None:
        self._history(context)
        self._objects.remove(context, context.target)

    async def read_next_events(self, context: Context, max_count: int) -> list[Data]:
        history = self._history(context)
        newer = [one for one in self._seen(context, history.filter) if _key(one) > history.place]
        page = newer[: _positive(max_count)]
        if page:
            history.place = _key(page[-1])
        return page

    async def read_previous_events(self, context: Context, max_count: int) -> list[Data]:
        history = self._history(context)
        older = [one for one in self._seen(context, history.filter) if _key(one) <= history.place]
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
        return self._newest(context, history.filter, history.page)

    def _history(self, context: Context) -> History:
        made = self._objects.find(context, context.target)
        if not isinstance(made, History):
            raise errors.UnknownObject(context.target.kind, context.target.name)
        return made

    def _seen(self, context: Context, wanted: EventFilter) -> list[Data]:
        """The events that a filter lets through and the caller may see, oldest first."""
        return [*self._chosen(context, wanted, self._log)]

    def _newest(self, context: Context, wanted: EventFilter, count: int) -> list[Data]:
        """The last so many of them, newest first."""
        return [*islice(self._chosen(context, wanted, reversed(self._log)), count)]

    def _chosen(
        self, context: Context, wanted: EventFilter, events: Iterable[Data]
    ) -> Iterator[Data]:
        caller = context.known_caller
        held = self._sessions.privileges(caller)
        all_seen = LIST_SESSIONS in held or TERMINATE_SESSION in held
        for one in events:
            if (all_seen or one.members["sessionId"] == caller.key) and wanted.lets_through(one):
                yield one


def _key(event: Data) -> int:
    key = event.members["key"]
    return key if isinstance(key, int) else 0


def _positive(count: int) -> int:
    if not 0 < count <= _LARGEST_PAGE:
        raise errors.InvalidArgument("maxCount", f"not between 1 and {_LARGEST_PAGE}")
    return count
