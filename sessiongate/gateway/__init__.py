"""The gateway: many clients over few sessions at an upstream.

`gate` is one upstream as the rest of the server sees it, `public_answers` are what it tells
strangers. `relay` takes a client's `call` from its verdict to its answer (`relay_rules`);
`translation` rewrites it, `clients` knows who calls, `book` what each has. `accounts` has a `pool`
for each account there: which call goes by which `lease`, and who waits (`waiters`); `stays` are
calls as the store knows them, `other_processes` use the same leases, `live_sessions` are whom they
are kept for. `openings` opens sessions there, by the service account's `credential` or as clones,
with `pauses` after failures, or for an `observer`; `logouts` ends them, `lease_events` tells of
both. `long_polls` have `poll_places`, `own_calls` are ours, and `endings` what follows where a
client or a lease is over, some of it `apart`. Beside `/sdk` calls go by `side_relay`:
`service_calls`, and `rest_calls` with `rest_tokens` (of `rest_logins`); `transfers` are files,
`tickets` the upstream's. `stored_leases` are leases in the store, which `sealing` closes.
"""
