"""A Config in, a running server out: the only package that knows concrete classes.

Before anything runs: `owner` is whose rights a command acts with, `prepare` what follows from the
settings, `bootstrap` the first administrator; `dry_run` and `ports` say what would keep a server
from starting, `doubts` what lets it run and is wrong all the same.

The server: `build` makes the parts, `token_verifiers` the verifiers of tokens, `routes` gives each
address its endpoint, `listeners` opens the listeners, for as many clients as `descriptors` leaves
files for, `locks` are who is locked out, `named` ends the sessions of those whom the settings name
no more. `server` starts the whole and stops it step by step (`run_all`), `started` is what people
are told of it, `running` what commands are, `process` runs it, `supervisor` several of it by the
`place` of each, and `reload` takes new settings meanwhile.
"""

from sessiongate.app.bootstrap import bootstrap
from sessiongate.app.doubts import (
    certificate_doubts,
    file_doubts,
    listener_doubts,
    store_doubts,
)
from sessiongate.app.dry_run import (
    extensions_problems,
    providers_problems,
    store_problem,
    tokens_problems,
)
from sessiongate.app.place import place_of
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
from sessiongate.app.reload import Reread, is_taken
from sessiongate.app.running import Running
from sessiongate.app.server import Server
from sessiongate.app.started import Announce, Started, url_of
from sessiongate.app.supervisor import serve_as_worker, supervise

__all__ = [
    "PREPARED",
    "Announce",
    "Port",
    "Reread",
    "Running",
    "Server",
    "Started",
    "bootstrap",
    "certificate_doubts",
    "certificate_names",
    "certificates_of",
    "extensions_problems",
    "file_doubts",
    "instance_of",
    "is_taken",
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
    "url_of",
    "users_file",
]
