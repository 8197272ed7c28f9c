"""A client's call, from its verdict to its answer.

`relay` sends a `call` to `/sdk` by a lease, if it has `permits`, and again where that is sound
(`retries`); `facts` are what its method says of it, and `translation` rewrites it both ways;
`clients` says who calls, `book` what each has at the upstream, `checkouts` takes a lease for a call
and asks the store for both. `long_polls` have `poll_slots`; what takes long to read is in a
`parse_queue`; `large_replies` go on as they come; `teardown` follows where a session ends. Beside
`/sdk` are `side_relay` with `rest_calls`, `service_calls` and those of a ZVM, `zerto_calls`;
`transfers` of files, with `stranger_slots`, and `tickets`; `public_answers` are for anybody.
"""
