"""A Config in, a running server out: the only package that knows concrete classes.

`prepare` is what follows from the settings before anything runs, `parts` makes the pieces,
`dialects` gives each address its endpoint, `server` starts and stops the whole.
"""

from sessiongate.app.prepare import (
    bootstrap,
    certificate_names,
    certificates_of,
    roles_of,
    users_file,
)
from sessiongate.app.server import Announce, Server, Started, serve
from sessiongate.app.workers import place_of, serve_as_worker, supervise

__all__ = [
    "Announce",
    "Server",
    "Started",
    "bootstrap",
    "certificate_names",
    "certificates_of",
    "place_of",
    "roles_of",
    "serve",
    "serve_as_worker",
    "supervise",
    "users_file",
]
