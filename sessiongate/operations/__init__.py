"""What operators reach beside the API: the `control` socket, and `health` with the metrics."""
