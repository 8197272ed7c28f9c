"""Answers about the server itself that a fault changes: time, release, life of tokens."""

import time
from datetime import datetime, timedelta
from email.utils import formatdate

import msgspec

from sessiongate.clock import Clock
from sessiongate.faults.book import Hit
from sessiongate.faults.inside import hit_of
from sessiongate.wire.vim.types import Data


class SkewedClock:
    """A clock that is off for requests that meet `clock.skew`. It judges nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        """The time that such a request is told."""
        hit = hit_of("clock.skew")
        return self._clock.now() + (_skew_of(hit) if hit is not None else timedelta(0))


def skewed_date(hit: Hit) -> str:
    """The header Date of a reply, as far off as the rule says. Like all Dates of ours it is the
    machine's, which steps of the server's clock do not move.
    """
    return formatdate(time.time() + _skew_of(hit).total_seconds(), usegmt=True)


def _skew_of(hit: Hit) -> timedelta:
    by = hit.args["by"]
    return by if isinstance(by, timedelta) else timedelta(0)


def shown_about(about: Data) -> Data:
    """The AboutInfo that a request is shown: of another release where it meets `version.is`."""
    hit = hit_of("version.is")
    if hit is None:
        return about
    version = str(hit.args["version"])
    short = ".".join(version.split(".")[:3])
    members = {
        **about.members,
        "version": short,
        "apiVersion": version,
        "licenseProductVersion": short.rpartition(".")[0],
    }
    for name in ("build", "instanceUuid"):
        if hit.args[name]:
            members[name] = str(hit.args[name])
    return msgspec.structs.replace(about, members=members)


def token_life(life: timedelta) -> timedelta:
    """How long an access token is good: less where its request meets `token.short`."""
    hit = hit_of("token.short")
    seconds = hit.args["seconds"] if hit is not None else None
    return timedelta(seconds=seconds) if isinstance(seconds, float) else life
