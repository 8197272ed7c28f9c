"""The provider of LDAP directories and Active Directory.

`settings` reads its table; `servers` chooses one that answers, `connection` speaks to it,
`messages` are the bytes, `filter` what is searched for, `verdicts` what an answer means, `groups`
which roles follow. `provider` is the whole.
"""
