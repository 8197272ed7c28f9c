"""ServiceInstance: where every client begins."""

from sessiongate.rules.access import SYSTEM_ANONYMOUS
from sessiongate.wire.vim.methods.rows import method, prop

_KIND = "ServiceInstance"
_CONTENT = "What this server is and which objects it has."

METHODS = (
    method(
        _KIND,
        "RetrieveServiceContent",
        "",
        "ServiceContent",
        _CONTENT,
        handler="content",
        privilege=SYSTEM_ANONYMOUS,
    ),
    method(
        _KIND,
        "CurrentTime",
        "",
        "dateTime",
        "The server's time. Clients use it to keep a session alive.",
    ),
)

PROPERTIES = (
    prop(_KIND, "content:ServiceContent", _CONTENT, privilege=SYSTEM_ANONYMOUS),
    prop(_KIND, "serverClock:dateTime", "The server's time.", handler="current_time"),
    prop(_KIND, "capability:Capability", "What it can do: it manages no host."),
)
