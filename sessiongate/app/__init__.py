"""A Config in, a running server out: the only package that knows concrete classes.

`prepare` is what follows from the settings before anything runs, `bootstrap` the first
administrator, `parts` makes the pieces,
`dialects` gives each address its endpoint, `listeners` are its doors, `server` starts and stops the
whole, `workers` several of it, `trial` says what would keep it from starting.
"""

from sessiongate.app.bootstrap import bootstrap
from sessiongate.app.doubts import (
    certificate_doubts,
    file_doubts,
    listener_doubts,
    store_doubts,
)
from sessiongate.app.prepare import (
    certificate_names,
    certificates_of,
    roles_doubts,
    roles_of,
    users_file,
)
from sessiongate.app.server import Announce, Server, Started, serve
from sessiongate.app.trial import (
    extensions_problems,
    providers_problems,
    store_problem,
    tokens_problems,
)
from sessiongate.app.workers import place_of, serve_as_worker, supervise

__all__ = [
    "Announce",
    "Server",
    "Started",
    "bootstrap",
    "certificate_doubts",
    "certificate_names",
    "certificates_of",
    "extensions_problems",
    "file_doubts",
    "listener_doubts",
    "place_of",
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
