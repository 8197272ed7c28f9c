"""Zerto's session API, /v1/session, and what a ZVM behind us has beside it."""
