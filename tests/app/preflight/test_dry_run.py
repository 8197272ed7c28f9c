"""Settings tried out before a server is made from them."""

from pathlib import Path

from sessiongate.app.preflight.dry_run import providers_problems
from sessiongate.config import load

GATEWAY = """
[upstream.vc1]
type = "vcenter"
url = "https://vc1.example"
[identity.vc]
type = "vcenter"
upstream = "{name}"
domains = ["vsphere.local"]
[identity.local]
type = "file"
"""


async def problems(tmp_path: Path, name: str) -> list[str]:
    file = tmp_path / "gate.toml"
    file.write_text(GATEWAY.format(name=name))
    overrides = {"server.data_dir": str(tmp_path / "data")}
    return await providers_problems(load(file, {}, overrides))


async def test_a_provider_may_name_an_upstream_of_the_settings(tmp_path: Path) -> None:
    assert await problems(tmp_path, "vc1") == []


async def test_one_that_names_another_is_told(tmp_path: Path) -> None:
    found = await problems(tmp_path, "vc2")
    assert any("identity.vc.upstream" in one for one in found)
