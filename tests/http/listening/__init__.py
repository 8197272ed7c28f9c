"""Tests of `sessiongate.http.listening`."""
