"""What in `[forward_auth]` can be so, and is probably a mistake."""

from collections.abc import Iterator

from sessiongate.config.models import Settings
from sessiongate.rules.forward_auth import covers


def forward_auth_doubts(settings: Settings) -> Iterator[tuple[str, bool]]:
    """Each with whether nobody can use it as it is."""
    table = settings.forward_auth
    if not table.enabled:
        if table.rules:
            yield (
                "there are rules, and forward_auth.enabled is false, so that nobody asks them",
                False,
            )
        return
    if not settings.server.trusted_proxies:
        yield (
            "forward_auth.enabled is true, and server.trusted_proxies names no proxy, so its"
            " addresses are off (404). Name there the address that the proxy comes from",
            True,
        )
    for number, rule in enumerate(table.rules, 1):
        for before, first in enumerate(table.rules[: number - 1], 1):
            if covers(first, rule):
                yield (
                    f"rule {number} never decides: rule {before} stands before it and fits"
                    " whatever it fits. Put the narrower one first",
                    False,
                )
                break
