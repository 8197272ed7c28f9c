"""A Config in, a running server out: the only package that knows concrete classes.

Before anything runs: `owner` is whose rights a command acts with, `prepare` what follows from the
settings, `bootstrap` the first administrator; `dry_run` and `ports` say what would keep a server
from starting, `doubts` what lets it run and is wrong all the same.

The server: `build` makes the parts, `services` connects the services, `presented` is what they say
of us, `token_verifiers` are the verifiers of tokens, `routes` gives each address its endpoint,
`listeners` opens the listeners, for as many clients as `descriptors` leaves files for, `locks` are
who is locked out, `gauges` what metrics say of a moment. `server` starts the whole and stops it
(`run_all`), `started` is what people are told, `running` what commands are, `process` runs it,
`supervisor` several by the `worker_environment` of each, and `reload` takes new settings meanwhile.
"""
