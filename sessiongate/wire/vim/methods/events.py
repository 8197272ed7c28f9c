"""EventManager and TaskManager, and the collectors that their clients make."""

from sessiongate.wire.vim.methods.rows import Method, method, prop
from sessiongate.wire.vim.types import MOREF

EVENTS, TASKS = "EventHistoryCollector", "TaskHistoryCollector"


def _of_every_collector(kind: str) -> tuple[Method, ...]:
    return (
        method(
            kind,
            "SetCollectorPageSize",
            "maxCount:int",
            "",
            "How many the latest page holds at most.",
            faults=("InvalidArgument",),
        ),
        method(kind, "RewindCollector", "", "", "Go before the oldest."),
        method(kind, "ResetCollector", "", "", "Go behind the newest."),
        method(kind, "DestroyCollector", "", "", "Destroy a collector."),
    )


METHODS = (
    method(
        "EventManager",
        "QueryEvents",
        "filter:EventFilterSpec",
        "Event*",
        "The events of logins and logouts that the caller may see, oldest first.",
    ),
    method(
        "EventManager",
        "CreateCollectorForEvents",
        "filter:EventFilterSpec",
        MOREF,
        "Make a collector of events.",
    ),
    *_of_every_collector(EVENTS),
    *(
        method(
            EVENTS,
            name,
            "maxCount:int",
            "Event*",
            "The next events of a collector, in one direction or the other.",
            faults=("InvalidArgument",),
        )
        for name in ("ReadNextEvents", "ReadPreviousEvents")
    ),
    method(
        "TaskManager",
        "CreateCollectorForTasks",
        "filter:TaskFilterSpec",
        MOREF,
        "Make a collector of tasks, of which there are none.",
    ),
    *_of_every_collector(TASKS),
    *(
        method(
            TASKS,
            name,
            "maxCount:int",
            "TaskInfo*",
            "No tasks.",
            handler="read_tasks",
            faults=("InvalidArgument",),
        )
        for name in ("ReadNextTasks", "ReadPreviousTasks")
    ),
)

PROPERTIES = (
    prop(
        "EventManager",
        "description:EventDescription",
        "Which events there are.",
        handler="event_description",
    ),
    prop("EventManager", "latestEvent:Event?", "The newest that the caller may see."),
    prop("EventManager", "maxCollector:int", "How many collectors a session may have."),
    prop("TaskManager", f"recentTask:{MOREF}*", "No tasks.", handler="empty"),
    prop(
        "TaskManager",
        "description:TaskDescription",
        "States of tasks.",
        handler="task_description",
    ),
    prop("TaskManager", "maxCollector:int", "How many collectors a session may have."),
    prop(EVENTS, "filter:EventFilterSpec", "Which events it is for.", handler="collected"),
    prop(EVENTS, "latestPage:Event*", "The newest of its events, the newest first."),
    prop(TASKS, "filter:TaskFilterSpec", "Which tasks it is for.", handler="collected"),
    prop(TASKS, "latestPage:TaskInfo*", "No tasks.", handler="empty"),
)
