"""What is there before a server runs: whose files, who may log in, with which keys.

`prepare` has what follows from the settings (names, certificates), `roles_and_users` who there is,
`new_users` who is added, `signing_key` the key of access tokens, `secret_files` passwords and
tokens that stand in files, `bootstrap` makes the first administrator. `owner` is whose rights
a command acts with, so that what it makes in a data directory belongs to the account that serves
from it.
"""
