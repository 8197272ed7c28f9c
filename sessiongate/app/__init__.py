"""A Config in, a running server out: the only package that knows concrete classes.

Before anything runs: `owner`, whose rights a command acts with; `prepare`, what follows from the
settings, with `roles_and_users` and the `signing_key`; `bootstrap`, the first administrator;
`preflight`, doubts. The server: `build` makes the parts, `gates` the gateway's (`secret_files`:
passwords), `session_manager` that one's (`manager_tokens`: clients'), `token_verifiers` verify,
`services` connects them, `assembly` joins all (`supplied`), `routes` gives addresses endpoints,
`handlers` stand before, `presented` is said of us, `console` people's pages (`local_users`),
`listeners` has sockets (`descriptors`), `locks` and `pools` are for commands, `gauges`, `recorder`,
`records` of the past. `server` starts and stops all (`run_all`), `upkeep` goes on by the second;
`started`, `report` (a `running_server`) tell of it; `in_process` runs it anywhere, `process` for
a command, `supervisor` several (`worker_environment`); `reload` changes it, `fault_points` test.
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
