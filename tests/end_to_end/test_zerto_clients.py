"""A real client of Zerto's appliance, unmodified, over verified TLS: the public wrapper."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.clients import present, run
from tests.end_to_end.conftest import EMBEDDED
from tests.end_to_end.serving import ADMIN, Server
from tests.peers.setup import others_interpreter

pytestmark = pytest.mark.peer

STORY = Path(__file__).resolve().parents[1] / "peers" / "zvma_story.py"

FOUND: dict[str, Any] = {
    "authenticated": True,
    "local_site": True,
    "vms": [],
    "vpgs": [],
    "alerts": [],
    "events": [],
    "tasks": [],
    "peer_sites": [],
    "still renewing": True,
}


@pytest.mark.interop("zvma10")
@EMBEDDED
def test_the_wrapper_finds_a_site_with_nothing_in_it(shared: Server, tmp_path: Path) -> None:
    python = present(others_interpreter())
    # It leaves a file where it is run.
    done = run(python, STORY, "127.0.0.1", shared.port, shared.ca, *ADMIN, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    identifier, name = facts.pop("site")
    assert facts == FOUND
    told = shared.request("GET", "/v1/localsite", {"x-zerto-session": shared.zerto_token(ADMIN)})
    assert [told.json()[member] for member in ("SiteIdentifier", "SiteName")] == [identifier, name]
