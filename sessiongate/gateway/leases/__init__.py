"""Leases: sessions of ours at an upstream, which clients share or have one after the other.

A `pool` says which call goes by which `lease`, and `waiters` who is next; a `parent` is beside it,
for clone tickets by `shared_places`, and a `loop_clock` for both. How they stand, an operator says
(`standing`). `openings` opens them, unless another process has (`shared_openings`) or they are
`held_back`; `own_calls` are what we ask by them, `probes` which have to be used now, `letting_go`
of one has `logouts` end it, and `lease_events` tells of it. `stored_leases` are their rows,
`rest_tokens` their sessions at an Automation API that keeps its own, and `tokens_in_use` what no
client may be shown of all these.

What differs between servers is a `session_kind`, of which `upstream_kinds` are those that there
are: `vcenter_sessions`, and `zvm_sessions` with `renewals` of their tokens and `zvm_calls`.
"""
