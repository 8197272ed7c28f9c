"""Zerto's session API, /v1/session."""
