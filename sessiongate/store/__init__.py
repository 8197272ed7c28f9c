"""Where sessions live: one `port`, and a room for each kind of store.

`embedded` has the stores of one process, memory and SQLite; `redis` the one that servers share.
`plugin` describes a kind of store, built in or from another package. `encoding` says how times and
facts are written in each, `search` filters and orders sessions; `deleted_by_age` logs what becomes
of old events. `measured`, `measured_leases` and `measured_tokens` count and time the calls of any
store. `ending_marks` is what a shared store knows of endings under way; `gateway_port` and
`manager_port` are the ports that only the gateway and the session manager need.
"""
