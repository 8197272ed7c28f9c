"""TLS: `certificates` of our own, made by the `local_ca`; the context of a `server`; and `trust` in
other servers.
"""
