"""`sessiongate dev`: a server to throw away, for trying and for CI.

`command` is the command, with `options` of its own, and `upstream` for a trial of a gateway, which
begins with a `first_look`. Its `settings`, `users` and `faults` make a `run`: a `server` in a
thread, and a `life` that lasts for as long as a command or until a signal. A command has an
`environment`, and a `watcher` that ends it where we are killed.
"""
