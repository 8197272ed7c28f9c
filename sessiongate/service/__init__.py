"""The use cases. Async; they know ports and rules, never an adapter.

`sessions` opens, checks, lists and ends sessions, and `tickets` are used once in one. A session
comes of `logins` (name and password), `token_login`, `extension_login`, `local_ticket_login` or
`impersonation`; `undelivered` ends those whose token nobody got, `account_changes` those of
accounts that change; `endings` says to all of these whose sessions are being ended. Tokens that
open none: `console_tokens` and `manager_clients`, whose wrong ones are counted in `wrong_tokens`.
`housekeeping` runs once a second. People read the audit by
`audit_search` and `audit_desk`, `user_history` and `leaks`.
"""
