"""The store that servers share: Redis or Valkey, alone, with Sentinel or as a Cluster.

`store` is the whole, `kind` has it for the table of stores. `client` connects, `health` says what
is wrong with the server, `losses` that it has lost everything, `keys` has the names, `scripts` what
runs inside it, `pipeline` sends many calls in one trip, `unreadable` is what it finds of another
form, `listing` asks for all sessions, `due` ends those whose limit has come. `cache` keeps sessions
here, `cache_sync` writes their uses back, `end_listener` hears of ends elsewhere. `attempts` counts
failed logins, `leases` has what the gateway opened, `lease_users` which servers use that, `books`
what clients have in it, `notes` notes about it, `manager_tokens` what the session manager's clients
show, `ending_marks` whose sessions are being ended; `audit` writes the chain and `audit_reader`
reads it.
"""
