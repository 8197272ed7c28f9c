"""A client's call, from its verdict to its answer.

`relay` sends a `call` to `/sdk` by a lease, if it has `permits`, and again where that is sound
(`repeats`); `facts` are what its method says of it, and `translation` rewrites it both ways;
`clients` says who calls, `book` what each has at the upstream, `stays` both as the store has them.
`long_polls` wait in `poll_places`, and `long_readings` for a turn of the loop; `large_replies` go
on as they come; `endings` is what follows where a session ends. Beside `/sdk` are `side_relay` with
`rest_calls`, `service_calls` and those of a ZVM, `zerto_calls`; `transfers` of files, and
`tickets`; `public_answers` are told to anybody.
"""
