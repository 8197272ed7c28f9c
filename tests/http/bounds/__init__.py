"""Tests of `sessiongate.http.bounds`."""
