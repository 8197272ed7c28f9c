"""Tests of `sessiongate.http.connection`."""
