"""PropertyCollector, and the filters that its clients make."""

from sessiongate.rules.access import SYSTEM_ANONYMOUS
from sessiongate.wire.vim.methods.rows import method, prop
from sessiongate.wire.vim.types import MOREF

_KIND, _FILTER = "PropertyCollector", "PropertyFilter"
_FAULTS = ("InvalidProperty", "InvalidType", "ManagedObjectNotFound")

METHODS = (
    method(
        _KIND,
        "RetrievePropertiesEx",
        "specSet:PropertyFilterSpec+ options:RetrieveOptions?",
        "RetrieveResult?",
        "Read properties of several objects; what may not be read comes in missingSet.",
        privilege=SYSTEM_ANONYMOUS,
        faults=_FAULTS,
    ),
    method(
        _KIND,
        "RetrieveProperties",
        "specSet:PropertyFilterSpec+",
        "ObjectContent*",
        "The older form of RetrievePropertiesEx: the objects themselves, never paged.",
        privilege=SYSTEM_ANONYMOUS,
        faults=_FAULTS,
    ),
    method(
        _KIND,
        "ContinueRetrievePropertiesEx",
        "",
        "RetrieveResult",
        "The next page of a result. No result has one here.",
        faults=("InvalidProperty",),
    ),
    method(
        _KIND,
        "CancelRetrievePropertiesEx",
        "",
        "",
        "Let go of the pages that are left. There are none here.",
        faults=("InvalidProperty",),
    ),
    method(
        _KIND,
        "CreateFilter",
        "spec:PropertyFilterSpec partialUpdates:boolean",
        MOREF,
        "Make a filter, whose objects the updates then tell of.",
        faults=_FAULTS,
    ),
    method(
        _KIND,
        "CheckForUpdates",
        "version:string?",
        "UpdateSet?",
        "What the filters have to tell now.",
        faults=("InvalidCollectorVersion",),
    ),
    method(
        _KIND,
        "WaitForUpdates",
        "version:string?",
        "UpdateSet",
        "The same; while there is nothing to tell, it waits.",
        faults=("InvalidCollectorVersion",),
    ),
    method(
        _KIND,
        "WaitForUpdatesEx",
        "version:string? options:WaitOptions?",
        "UpdateSet?",
        "The same, for as long as the client wants to wait.",
        faults=("InvalidCollectorVersion",),
    ),
    method(_KIND, "CancelWaitForUpdates", "", "", "End the waits of this collector."),
    method(_KIND, "CreatePropertyCollector", "", MOREF, "Make one more collector."),
    method(_KIND, "DestroyPropertyCollector", "", "", "Destroy a collector and its filters."),
    method(_FILTER, "DestroyPropertyFilter", "", "", "Destroy a filter."),
)

PROPERTIES = (
    prop(_KIND, f"filter:{MOREF}*", "Its filters.", handler="filters"),
    prop(_FILTER, "spec:PropertyFilterSpec", "What it tells of."),
    prop(_FILTER, "partialUpdates:boolean", "Whether parts of a property are told of alone."),
)
