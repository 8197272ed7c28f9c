"""The managed objects that exist here, for every codec: who may call what, and which class does it.

`HANDLERS` says of each type of object which class has its functions; `wire.vim.methods` has their
names. A call is authenticated, then allowed, then done.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from sessiongate.audit.journal import Journal
from sessiongate.clock import Clock
from sessiongate.dialects.vim.authorization import Authorization
from sessiongate.dialects.vim.context import Context, Outcome
from sessiongate.dialects.vim.empty_managers import EmptyManagers
from sessiongate.dialects.vim.event_log import EventLog
from sessiongate.dialects.vim.events import Events
from sessiongate.dialects.vim.inventory import Inventory
from sessiongate.dialects.vim.managed_object import ManagedObject
from sessiongate.dialects.vim.property_collector import PropertyCollector
from sessiongate.dialects.vim.selection import Read
from sessiongate.dialects.vim.service_instance import ServiceInstance
from sessiongate.dialects.vim.session_manager import SessionManager, WaysIn
from sessiongate.dialects.vim.session_objects import SessionObjects
from sessiongate.dialects.vim.views import Views
from sessiongate.errors import NoPermission, NoSession
from sessiongate.rules.access import SYSTEM_ANONYMOUS
from sessiongate.service.sessions import Opened, Sessions
from sessiongate.session import Session
from sessiongate.store.port import NoticeStore
from sessiongate.wire.vim.methods import METHODS, OBJECTS, PROPERTIES, REFUSED, Method, Property
from sessiongate.wire.vim.methods.events import EVENTS, TASKS
from sessiongate.wire.vim.methods.views import VIEWS
from sessiongate.wire.vim.types import Data, Value
from sessiongate.wire.vim.user_session import user_session

__all__ = ["HANDLERS", "VirtualCenter", "WaysIn"]

HANDLERS: Mapping[str, type[ManagedObject]] = {
    **dict.fromkeys(OBJECTS, EmptyManagers),
    "ServiceInstance": ServiceInstance,
    "SessionManager": SessionManager,
    "PropertyCollector": PropertyCollector,
    "AuthorizationManager": Authorization,
    **dict.fromkeys(("Folder", "SearchIndex"), Inventory),
    "PropertyFilter": PropertyCollector,
    **dict.fromkeys(("ViewManager", *VIEWS), Views),
    **dict.fromkeys(("EventManager", "TaskManager", EVENTS, TASKS), Events),
}
"""The class that has the functions of each type of object."""


T = TypeVar("T")


def _same(whatever: T) -> T:
    return whatever


class VirtualCenter:
    """The managed objects that exist here."""

    def __init__(
        self,
        sessions: Sessions,
        ways: WaysIn,
        notices: NoticeStore,
        clock: Clock,
        journal: Journal,
        *,
        about: Data,
        shown: Callable[[Data], Data] = _same,
        shown_clock: Clock | None = None,
        reader: Callable[[Read], Read] = _same,
    ) -> None:
        """In tests of clients `shown` and `shown_clock` say another release and time, and `reader`
        makes what reads properties for who collects them.
        """
        self._sessions = sessions
        self._journal = journal
        self.objects = SessionObjects(sessions)
        made: dict[type[ManagedObject], ManagedObject] = {
            one.__class__: one
            for one in (
                EmptyManagers(),
                ServiceInstance(shown_clock or clock, about, shown),
                SessionManager(sessions, ways, notices, journal),
                PropertyCollector(reader(self.read), self.objects),
                Views(self.objects),
                Events(EventLog(sessions, clock), self.objects, sessions),
                Authorization(sessions),
                Inventory(),
            )
        }
        self._run: dict[tuple[str, str], Callable[..., Awaitable[Any]]] = {
            key: getattr(made[HANDLERS[row.on]], row.handler)
            for table in (METHODS, REFUSED, PROPERTIES)
            for key, row in table.items()
        }

    async def call(self, context: Context, method: Method, arguments: Mapping[str, Any]) -> Outcome:
        """Run a method: authenticated, then allowed, then done."""
        self.permit(context.caller, method.name, method.privilege)
        result = await self._run[method.on, method.name](context, **arguments)
        if isinstance(result, Opened):
            return Outcome(user_session(result.session), result.token, result.undelivered)
        return Outcome(result)

    async def read(self, context: Context, prop: Property) -> Value | None:
        """The value of a property, None where it is unset."""
        self.permit(context.caller, prop.name, prop.privilege, prop.also)
        value: Value | None = await self._run[prop.on, prop.name](context)
        return value

    def permit(self, caller: Session | None, what: str, privilege: str, also: str = "") -> None:
        """Raise NoSession or NoPermission where this caller may not do what needs a privilege.

        `also` is another privilege that is enough.
        """
        if privilege == SYSTEM_ANONYMOUS:
            return
        if caller is None:
            raise NoSession(f"{what} needs a session")
        held = self._sessions.privileges(caller)
        if privilege not in held and (not also or also not in held):
            self._journal.denied(caller, what, privilege)
            raise NoPermission(privilege)
