"""Tests of `sessiongate.gateway.leases`."""
