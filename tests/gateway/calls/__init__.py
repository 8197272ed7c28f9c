"""Tests of `sessiongate.gateway.calls`."""
