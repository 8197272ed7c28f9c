"""The stores of one process: memory, and SQLite behind it."""
