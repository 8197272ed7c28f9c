"""What is said at the start of a trial whose upstream is away."""

import pytest

from sessiongate.cli.dev.first_look import AWAY, look_at
from sessiongate.cli.dev.upstream import upstream_flags
from sessiongate.config import load
from tests.peers.ports import free_port


def test_an_upstream_that_is_away_is_noted_and_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    url = f"https://127.0.0.1:{free_port()}"
    look_at(load(None, {}, upstream_flags(url, None, None, insecure=True)).upstream["vc"])
    assert f"--upstream {url}: {AWAY}" in capsys.readouterr().err
