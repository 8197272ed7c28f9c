"""The use cases. Async; they know ports and rules, never an adapter."""
