"""The fence agents of Pacemaker, unmodified, on an empty vCenter.

Installing them takes too long for every run: they are tested where Debian's fence-agents is there.
"""

import os

import pytest

from tests.end_to_end.clients import installed, run
from tests.end_to_end.conftest import EMBEDDED
from tests.end_to_end.serving import ADMIN, Server

pytestmark = [pytest.mark.slow, EMBEDDED]


class Fence:
    """A fence agent as a cluster calls it, told of our server and its one user."""

    def __init__(self, agent: str, server: Server) -> None:
        installed("fence-agents", agent)
        name, self._password = ADMIN
        self._command = (agent, "--ip", "127.0.0.1", "--ipport", server.port, "--username", name)
        # Two libraries of the agent, each with a variable of its own.
        trusted = dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(server.ca))
        self._env = {**os.environ, **trusted}

    def __call__(self, *more: str, password: str | None = None) -> tuple[int, str]:
        done = run(*self._command, "--password", password or self._password, *more, env=self._env)
        return done.returncode, done.stdout + done.stderr


@pytest.mark.interop("fence-rest")
def test_the_fence_agent_of_rest_finds_no_machine(shared: Server) -> None:
    fence = Fence("fence_vmware_rest", shared)
    # It asks its library for the system's own authorities, and for no file.
    blind = "--ssl-insecure"
    assert fence(blind, "--action", "list") == (0, "")
    code, said = fence(blind, "--action", "status", "--plug", "vm1")
    assert (code, "plug is not available" in said) == (1, True), said
    code, said = fence(blind, "--action", "list", password="wrong")
    assert (code, "Unable to connect/login" in said) == (1, True), said


@pytest.mark.interop("fence-soap")
def test_the_fence_agent_of_soap_gets_as_far_as_an_empty_vcenter_lets_it(shared: Server) -> None:
    fence = Fence("fence_vmware_soap", shared)
    # It reads a member of the result that is not there where nothing was found.
    code, said = fence("--ssl-secure", "--action", "list")
    assert code == 1
    assert "'NoneType' object has no attribute 'objects'" in said, said
    code, said = fence("--ssl-secure", "--action", "list", password="wrong")
    assert (code, "Unable to connect/login" in said) == (1, True), said
