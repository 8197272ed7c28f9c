"""Logs, request ids, tracebacks, counters and their Prometheus form."""
