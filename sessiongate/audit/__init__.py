"""The audit: events, the journal that writes them, forwarding, offline entries."""
