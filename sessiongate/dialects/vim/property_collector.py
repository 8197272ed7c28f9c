"""PropertyCollector: properties of several objects in one request, and filters that are told of.

An update tells of a filter once, with all that it names. Filters that are too much for one update
come with the next. Nothing here changes that a client would watch for, so that afterwards it waits
until a new filter is there or its time is up.
"""

import asyncio
from collections.abc import Sequence

from sessiongate import errors
from sessiongate.dialects.vim.context import Context
from sessiongate.dialects.vim.managed_object import ManagedObject
from sessiongate.dialects.vim.read_budget import ReadBudget
from sessiongate.dialects.vim.selection import Found, Read, Selection
from sessiongate.dialects.vim.session_objects import (
    BEING_TOLD,
    NOT_TOLD,
    Collector,
    Filter,
    SessionObjects,
    Woken,
)
from sessiongate.wire.vim.methods import PROPERTY_COLLECTOR
from sessiongate.wire.vim.types import Data, MoRef, Value

# Seconds that a wait lasts at most, whatever was asked: clients ask again when nothing came.
# govmomi and pyVmomi leave it to the server, and proxies cut what is silent for much longer.
_LONGEST_WAIT = 600


class PropertyCollector(ManagedObject):
    """The methods and properties of PropertyCollector and PropertyFilter, by their handlers."""

    def __init__(self, read: Read, objects: SessionObjects) -> None:
        self._selection = Selection(read, objects.check)
        self._objects = objects

    async def retrieve_properties_ex(
        self, context: Context, spec_set: Sequence[Data], options: Data | None = None
    ) -> Data | None:
        objects = await self.retrieve_properties(context, spec_set)
        return Data("RetrieveResult", {"objects": objects}) if objects else None

    async def retrieve_properties(self, context: Context, spec_set: Sequence[Data]) -> list[Value]:
        if context.target != PROPERTY_COLLECTOR:
            self._objects.collector(context)
        return [_content(one) for one in await self._selection.of_all(context, spec_set)]

    async def continue_retrieve_properties_ex(self, context: Context) -> None:
        raise errors.InvalidArgument("token", "no result has a further page")

    async def cancel_retrieve_properties_ex(self, context: Context) -> None:
        raise errors.InvalidArgument("token", "no result has a further page")

    # Collectors and filters

    async def create_property_collector(self, context: Context) -> MoRef:
        return self._objects.add(context, "PropertyCollector", Collector())

    async def destroy_property_collector(self, context: Context) -> None:
        if context.target == PROPERTY_COLLECTOR:
            raise errors.NotSupported("every session has this one")
        collector = self._objects.collector(context)
        for target in list(collector.filters):
            self._objects.remove(context, target)
        self._objects.remove(context, context.target)
        collector.wake(Woken.CANCELLED)

    async def create_filter(
        self,
        context: Context,
        spec: Data,
        partial_updates: bool,
    ) -> MoRef:
        self._objects.collector(context)
        await self._selection.of_all(context, [spec])  # whether it can be read
        collector = self._objects.collector(context)  # which may have been destroyed meanwhile
        made = Filter(spec, partial=partial_updates, of=collector)
        target = self._objects.add(context, "PropertyFilter", made)
        collector.filters[target] = made
        collector.wake(Woken.CHANGED)
        return target

    async def destroy_property_filter(self, context: Context) -> None:
        made = self._filter(context)
        self._objects.remove(context, context.target)
        made.of.filters.pop(context.target, None)

    async def filters(self, context: Context) -> list[MoRef]:
        return list(self._objects.collector(context).filters)

    async def spec(self, context: Context) -> Data:
        return self._filter(context).spec

    async def partial_updates(self, context: Context) -> bool:
        return self._filter(context).partial

    def _filter(self, context: Context) -> Filter:
        made = self._objects.find(context, context.target)
        if not isinstance(made, Filter):
            raise errors.UnknownObject(context.target.kind, context.target.name)
        return made

    # Updates

    async def check_for_updates(self, context: Context, version: str | None = None) -> Data | None:
        return await self._updates(context, self._since(context, version))

    async def wait_for_updates(self, context: Context, version: str | None = None) -> Data:
        collector = self._since(context, version)
        found = await self._wait(context, collector, _LONGEST_WAIT)
        # Here nothing at all may not come back: an update without any change, then.
        return found or Data("UpdateSet", {"version": str(collector.version)})

    async def wait_for_updates_ex(
        self, context: Context, version: str | None = None, options: Data | None = None
    ) -> Data | None:
        collector = self._since(context, version)
        asked = options.members.get("maxWaitSeconds") if options is not None else None
        seconds = asked if isinstance(asked, int) else _LONGEST_WAIT
        if seconds < 0:
            raise errors.InvalidArgument("maxWaitSeconds", "below zero")
        return await self._wait(context, collector, min(seconds, _LONGEST_WAIT))

    async def cancel_wait_for_updates(self, context: Context) -> None:
        self._objects.collector(context).wake(Woken.CANCELLED)

    def _since(self, context: Context, version: str | None) -> Collector:
        """The collector called, with all that is new since a version marked as not told of.

        It is the one that was given out last, or the one before, which the client named last: it
        asks again since it did not get the reply. Raises UnknownVersion for any other.
        """
        collector = self._objects.collector(context)
        if not version:
            collector.named = 0
        elif version == str(collector.version):
            collector.named = collector.version
        elif version != str(collector.named):
            raise errors.UnknownVersion("not the version that the collector gave out last")
        for one in collector.filters.values():
            if one.told > collector.named:
                one.told = NOT_TOLD
        return collector

    async def _wait(self, context: Context, collector: Collector, seconds: float) -> Data | None:
        now = asyncio.get_running_loop().time
        until = now() + seconds
        while True:
            found = await self._updates(context, collector)
            left = until - now()
            if found is not None or left <= 0:
                return found
            woken = await self._objects.wait(context, collector, left)
            if woken is Woken.CANCELLED:
                raise errors.WaitCancelled("the wait was cancelled")
            if woken is Woken.ENDED:
                raise errors.NoSession("the session has ended")
            if woken is not Woken.CHANGED:
                return None

    async def _updates(self, context: Context, collector: Collector) -> Data | None:
        """What is to be told of the filters; None where nothing is."""
        news = [(target, one) for target, one in collector.filters.items() if one.told == NOT_TOLD]
        if not news:
            return None
        for _, one in news:
            one.told = BEING_TOLD
        updates: list[Value] = []
        try:
            await self._report(context, news, updates)
        finally:  # the others, nobody has heard of
            for _, one in news[len(updates) :]:
                one.told = NOT_TOLD
        collector.version += 1
        for _, one in news[: len(updates)]:
            one.told = collector.version
        members: dict[str, Value] = {"version": str(collector.version), "filterSet": updates}
        if len(updates) < len(news):
            members["truncated"] = True
        return Data("UpdateSet", members)

    async def _report(
        self, context: Context, news: Sequence[tuple[MoRef, Filter]], updates: list[Value]
    ) -> None:
        """Tell of filters, one after the other, until the budget of the request is spent.

        Raises InvalidArgument where it is not enough for the first. Then, and where anything else
        is wrong, there are no updates.
        """
        budget = ReadBudget(known=context.caller is not None)
        try:
            for target, one in news:
                updates.append(await self._update(context, target, one.spec, budget))
        except errors.InvalidArgument:
            if not (budget.spent and updates):
                updates.clear()
                raise
        except BaseException:  # a fault, or the client has gone: news are told whole or not at all
            updates.clear()
            raise

    async def _update(
        self, context: Context, target: MoRef, spec: Data, budget: ReadBudget
    ) -> Data:
        members: dict[str, Value] = {"filter": target}
        try:
            found = await self._selection.of(context, spec, budget)
        except errors.UnknownObject:  # what it names has been destroyed since
            found = []
        if found:
            members["objectSet"] = [_entered(one) for one in found]
        return Data("PropertyFilterUpdate", members)


def _content(found: Found) -> Data:
    members: dict[str, Value] = {"obj": found.obj}
    if found.values:
        members["propSet"] = [
            Data("DynamicProperty", {"name": path, "val": value}) for path, value in found.values
        ]
    if found.missing:
        members["missingSet"] = found.missing
    return Data("ObjectContent", members)


def _entered(found: Found) -> Data:
    members: dict[str, Value] = {"kind": "enter", "obj": found.obj}
    if found.values:
        members["changeSet"] = [
            Data("PropertyChange", {"name": path, "op": "assign", "val": value})
            for path, value in found.values
        ]
    if found.missing:
        members["missingSet"] = found.missing
    return Data("ObjectUpdate", members)
