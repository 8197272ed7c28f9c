"""A server as processes: `process` runs one for a command, `supervisor` keeps several of them.

Each of several learns who it is by its `worker_environment`, has sockets of `worker_sockets`, and
says by `worker_counts` what it has counted.
"""
