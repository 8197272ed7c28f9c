"""Where sessions live: one `port`, and a room for each kind of store.

`embedded` has the stores of one process, memory and SQLite; `redis` the one that servers share.
`plugin` is how a kind of store is made, ours and others'. `encoding` says how times and facts are
written in each, `search` finds some of many; `measured`, `measured_leases` and `measured_tokens`
count and time any of them. `gateway_port` and `manager_port` are the parts that only the gateway
and the session manager need.
"""
