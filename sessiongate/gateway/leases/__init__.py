"""Leases: sessions of ours at an upstream, which clients share or have one after the other.

A `pool` says which call goes by which `lease`, and `waiters` who is next; a `parent` is beside it,
for clone tickets by `shared_slots`, and a `loop_clock` for both. Whether calls go on, an operator
says (`standing`). `session_opener` opens them, unless another process has
(`shared_session_opener`), with `opening_backoff`; `own_calls` are what we ask by them, `probes`
which have to be used now; `lease_release` gives one up, `logouts` end it, `lease_events` says so.
`stored_leases` are their rows, of `written_sessions`, `rest_tokens` their sessions at an Automation
API that keeps its own, and `tokens_in_use` what no client may be shown of all these.

What differs between servers is a `session_kind`, of which `upstream_kinds` are those that there
are: `vcenter_sessions`, and `zvm_sessions` with `renewals` of their tokens and `zvm_calls`.
"""
