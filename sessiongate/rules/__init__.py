"""Pure rules: functions over values. No clock, store, log or randomness in here.

Of sessions: `life` says when one has ended, `session_filter` which are wanted, by a `name_pattern`,
`token` makes tokens and keys, for `scopes`, `profile` has the limits of a vCenter generation. Of
people: `accounts` makes one name of many, `dn` compares directory names, `access` knows roles and
privileges, `lockout` when a name may be tried; `passwords` may be set, `password_forms` are of a
typed one; `marks` bounds what normalising takes. `locale` chooses a language of `locales_known`.
`relay` judges what clients call through us, with `relay_reads` of what only reads; `relay_rest`
calls of the Automation API, `relay_services` of others, `relay_zerto` of a ZVM, `transfers` of
files, in `byte_ranges`. `audit_chain` links the audit, `pace` what is too often, `store_url` reads
addresses of stores, `xml_text` and `toml_errors` know XML and TOML. `forward_auth` judges what
proxies ask, `leaks` whose `agents` leave sessions, `upstream_clients` there.
"""
