"""TLS: `certificates` of our own, the context of a `server`, and `trust` in other servers."""
