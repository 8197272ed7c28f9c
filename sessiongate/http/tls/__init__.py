"""Connections over TLS: `tls_acceptor` bounds handshakes, `tls_connection` is one of them.

`tls_records` turns plaintext into records and back, `client_hello` waits for a whole first one.
"""
