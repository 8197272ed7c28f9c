"""Who is this? Providers behind one `port`, and the guard before each of them.

`routing` chooses the provider of a name, by the `domains` that each claims. `guard` has lockout,
pace and breaker; `local`, `ldap`, `vcenter` and `zvm` are providers, `plugin` is how others are
added; `tokens` verifies what other issuers signed; `appliance_clients` are the clients of the Zerto
appliance's dialect.
"""
