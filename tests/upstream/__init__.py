"""Tests of whom we call."""
