"""The audit of logins, ends and refusals: who did what, from where, in a chain of hashes.

`event` is one entry; `journal` writes entries, `log_lines` are beside them, `access_checks` are
those of forward-auth and `clone_tickets` the session manager's; `merging` counts repeated refusals
as one, and `results` names outcomes for metrics; `session_counts` adds up what was opened and left.
`age_clock` says how old events are. `offline` keeps what commands do until a server takes it in
(`intake`). `forwarding` sends copies to files, to syslog and to our `own_output`; `logged_calls`
shows forwarded calls in a trial's log.
"""
