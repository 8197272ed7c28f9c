"""The stores of one process: `memory`, and `sqlite` which has it behind a file.

`table` holds sessions by digest, `name_index` knows them by name, `search` looks through them,
`wheel` says when they end, `tickets` what is used once, `leases` what the gateway has opened,
`lease_users` which process uses that,
`books` what clients have in it, `notes` what is told of an upstream, `manager_tokens` what clients
of the session manager show.
`schema` is the file, `writer` commits to it on a thread of its own, `lock` keeps a second server
out, `audit` is the chain of entries. `kinds` has both for the table of stores.
"""
