"""What stores promise, one suite to inherit from in each module; `contract` has what they share.

`sessions` puts `records`, `endings` and `caps` together. `tickets`, `generations` (of refresh
tokens) and `notices` (the message to everyone) are what else every store has. `leases`,
`lease_users`, `client_books` and `manager_tokens` are what stores for a gateway have beside that.
"""
