"""What we log in with at an upstream, and how rarely.

A `credential` is tried once where it is refused (`shared_refusals` keeps that in the store), by one
login at a time and with `backoff` after failures; `passwords` says which of two goes first;
`failing_logins` has the log say when logins are answered no more, and when again;
`rest_logins` are those to the Automation API; `upstream_credentials` are all of one. `sealing`
encrypts what leases go by for the store.
"""
