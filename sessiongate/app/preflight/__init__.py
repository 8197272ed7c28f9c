"""What is wrong with settings and machine, found out before a server runs.

`dry_run` builds what a server would and opens nothing, `ports` looks who has an address,
`upstream_checks` and `zvm_checks` ask upstreams, `doubts` are what is allowed and probably a slip
(`manager_doubts`: of the session manager).
"""
