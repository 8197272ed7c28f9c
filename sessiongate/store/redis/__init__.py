"""The store that servers share: Redis, Valkey."""
