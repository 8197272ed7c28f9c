"""What operators reach beside the API: `control` and its `control_socket`, `health` with metrics.

What they have others do is in `port`. `console` has pages for people.
"""
