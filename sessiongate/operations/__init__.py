"""What operators reach beside the API: the `control` socket, and `health` with the metrics.

What they have others do is in `port`.
"""
