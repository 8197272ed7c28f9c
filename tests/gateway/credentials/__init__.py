"""Tests of `sessiongate.gateway.credentials`."""
