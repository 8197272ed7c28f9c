"""Tests of the commands that log in."""
