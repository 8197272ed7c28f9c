"""A Config in, a running server out: the only package that knows concrete classes.

`prepare` is what follows from the settings before anything runs, `bootstrap` the first
administrator, `parts` makes the pieces,
`dialects` gives each address its endpoint, `listeners` are its doors, `server` starts and stops the
whole, `process` runs it, `workers` several of it, `trial` and `ports` say what would keep it from
starting.
"""

from sessiongate.app.bootstrap import bootstrap
from sessiongate.app.doubts import (
    certificate_doubts,
    file_doubts,
    listener_doubts,
    store_doubts,
)
from sessiongate.app.ports import Port, ports_of
from sessiongate.app.prepare import (
    PREPARED,
    certificate_names,
    certificates_of,
    instance_of,
    roles_doubts,
    roles_of,
    users_file,
)
from sessiongate.app.process import serve
from sessiongate.app.reload import Reread
from sessiongate.app.server import Server
from sessiongate.app.started import Announce, Started
from sessiongate.app.trial import (
    extensions_problems,
    providers_problems,
    store_problem,
    tokens_problems,
)
from sessiongate.app.workers import place_of, serve_as_worker, supervise

__all__ = [
    "PREPARED",
    "Announce",
    "Port",
    "Reread",
    "Server",
    "Started",
    "bootstrap",
    "certificate_doubts",
    "certificate_names",
    "certificates_of",
    "extensions_problems",
    "file_doubts",
    "instance_of",
    "listener_doubts",
    "place_of",
    "ports_of",
    "providers_problems",
    "roles_doubts",
    "roles_of",
    "serve",
    "serve_as_worker",
    "store_doubts",
    "store_problem",
    "supervise",
    "tokens_problems",
    "users_file",
]
