"""The stores of one process: `memory`, and `sqlite` which has it behind a file.

`table` holds sessions by digest, `name_index` knows them by name, `search` looks through them,
`wheel` finds those that are due to end. `tickets` are used once. Of the gateway: `leases` are its
sessions at upstreams, `lease_users` the processes that use them, `books` the objects that clients
have there, `notes` short texts about an upstream. `manager_tokens` are those of the session
manager. `schema` is the file's form, `writer` commits to it on its own thread, `lock` keeps a
second server out, `audit` has the chains of events, `latest` reads the latest time in a file.
`kinds` lists both for the table of stores.
"""
