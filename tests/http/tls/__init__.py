"""Tests of `sessiongate.http.tls`."""
