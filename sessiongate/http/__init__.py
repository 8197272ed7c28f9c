"""The edge: HTTP in, HTTP out. Nothing below this package knows of requests and replies."""
