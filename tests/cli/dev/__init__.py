"""Tests of `sessiongate dev`."""
