"""What operators read: `logs` with their `request_id` and `tracebacks`; `counters`, those of each
upstream in `upstream_counters`, times in `timings`; and their form in `prometheus`, with
`upstream_families` and `histograms`. `history` keeps the last hours, made of `samples`.
"""
