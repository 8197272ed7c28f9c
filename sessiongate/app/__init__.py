"""A Config in, a running server out: the only package that knows concrete classes.

Rooms: `setup` is what is there before anything runs, `preflight` doubts about it, `gateway` builds
what lends out sessions of upstreams, `operators` what commands, the console and metrics show,
`workers` the processes. The server: `build` makes single parts, `token_verifiers` those that verify
tokens, `services` connects what dialects call (`presented`: as what), `assembly` joins all
(`supplied`: what it is given), `routes` gives addresses their endpoints, `handlers` stand before
them, `listeners` has the sockets (`descriptors`: for how many). `server` starts and stops it
(`run_all`, `started`), `upkeep` goes on by the second, `reload` takes new settings, `in_process`
runs it among others, `fault_points` are for tests.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sessiongate.app.in_process import running

__all__ = ["running"]


def __getattr__(name: str) -> object:
    """`running` imports the whole server, which most of what is here does without."""
    if name != "running":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sessiongate.app.in_process import running

    return running
