"""Timings as a histogram of Prometheus."""

from collections.abc import Mapping

from prometheus_client.core import HistogramMetricFamily

from sessiongate.telemetry.timings import BOUNDS, Timing


def histogram(
    name: str, about: str, label: str, timings: Mapping[str, Timing]
) -> HistogramMetricFamily:
    """The family of this name, with a series for each timing: its key is the label's value."""
    family = HistogramMetricFamily(name, about, labels=[label])
    for key, timing in timings.items():
        total = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*BOUNDS, float("inf")), timing.buckets, strict=True):
            total += count
            buckets.append(("+Inf" if bound == float("inf") else repr(bound), total))
        family.add_metric([key], buckets, timing.seconds)
    return family
