"""The gateway: many clients over few sessions at an upstream.

`upstream_gateway` is one upstream as the rest of the server sees it, a vCenter, and `zvm_gateway`
a ZVM: they put together what is below. Their `accounts` have a pool of leases each, kept for
`live_sessions`, or are an `observer`'s; `other_processes` use the same leases. `relay_rules` is
what the settings say of single calls, and tasks beside them are in `background`.

Below it are three rooms, each of which imports only those after it: `calls` takes a client's call
from its verdict to its answer, `leases` opens, shares and ends sessions at the upstream, and
`credentials` says which password may be tried there, and keeps what is secret.
"""
