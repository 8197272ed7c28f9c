"""What the server says of itself."""

import pytest

from sessiongate.dialects.vim.about import about_info
from sessiongate.wire.vim.types import TYPES


@pytest.mark.parametrize(
    ("profile", "version", "product"),
    [
        ("vc7", "7.0.3", "7.0"),
        ("vc8", "8.0.2", "8.0"),
        ("vc8u3", "8.0.3", "8.0"),
        ("none", "8.0.3", "8.0"),
    ],
)
def test_versions_follow_the_profile(profile: str, version: str, product: str) -> None:
    members = about_info(profile, "an-instance", "0.1.0").members
    assert (members["version"], members["apiVersion"]) == (version, f"{version}.0")
    assert members["licenseProductVersion"] == product


def test_clients_see_a_vcenter_and_people_see_us() -> None:
    about = about_info("none", "an-instance", "0.1.0")
    assert about.members["apiType"] == "VirtualCenter"
    assert about.members["instanceUuid"] == "an-instance"
    assert about.members["vendor"] == "sessiongate"
    assert "sessiongate 0.1.0" in str(about.members["fullName"])


def test_members_come_in_the_order_of_the_type() -> None:
    about = about_info("none", "an-instance", "0.1.0")
    order = [field.name for field in TYPES[about.type]]
    assert [name for name in order if name in about.members] == list(about.members)
    assert {field.name for field in TYPES[about.type] if not field.optional} <= about.members.keys()
