"""Tests of the session manager."""
