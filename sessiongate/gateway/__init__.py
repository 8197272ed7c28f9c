"""The gateway: many clients over few sessions at an upstream.

`gate` is one upstream as all else sees it, `public_answers` are what it tells strangers. `relay`
takes a client's `call` from its verdict to its answer (`relay_rules`); `translation` rewrites it;
`clients` knows who calls, `book` what each has. `accounts` has a `pool` for each: which call goes
by which `lease`, and who waits (`waiters`); `stays` are calls as the store has them; leases are
kept for `live_sessions`, by `probes`, and `other_processes` use them too. `openings` opens them by
a `credential` (`passwords`) or as clones, with `pauses` and `shared_refusals`, or for an
`observer`; `logouts` ends them, `lease_events` tells it. `long_polls` have `poll_places`,
`own_calls` are ours, `endings` what follows an end, some `apart`. Beside `/sdk` are `side_relay`,
`service_calls`, `rest_calls` with `rest_tokens` (of `rest_logins`), `transfers` and
`tickets`. `stored_leases` `sealing` closes.
"""
