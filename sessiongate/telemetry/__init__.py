"""What operators read: `logs` with their `request_id` and `tracebacks`; `counters`, and their
`prometheus` form.
"""
