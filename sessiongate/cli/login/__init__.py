"""The commands that log in somewhere: `exec`, and those of `people_sessions`.

These are login, logout, whoami and print-header, whose sessions are `saved_sessions`. All share
`target_options` and `targets`, which know servers, and `no_dumps`. `exec` runs a `child_process` in
a `session_environment` (`govc_cache` is part of that), and the `guardian` has the session. One that
is a `shared_session` has several `session_users`.
"""
