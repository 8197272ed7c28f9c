"""Processor time of a test's first server, and of making it as new between two tests."""

import statistics
import time

import requests

import sessiongate.app
from sessiongate.testing import Gate

__all__ = ["sessiongate"]  # what the start would import is not what is measured

RESETS = 20


def main() -> None:
    """Print seconds: of the start, and of a reset."""
    began = time.process_time()
    with Gate.start() as gate:
        started = time.process_time() - began
        resets = []
        for _ in range(RESETS):
            user = gate.users["ci"]
            requests.post(
                f"{gate.url}/api/session",
                auth=(user.name, user.password),
                verify=str(gate.ca),
                timeout=10,
            ).raise_for_status()
            began = time.process_time()
            gate.reset()
            resets.append(time.process_time() - began)
    print(started, statistics.median(resets))


main()
