"""A release is one version: in the package, in the changelog, and in the tag."""

import re
import subprocess

from packaging.version import Version

import sessiongate
from tests.house.sources import ROOT
from tests.release import headings, problems

CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
READY = "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2027-01-31\n\n- One.\n"


def test_a_version_that_all_agree_on_is_ready() -> None:
    assert problems("v1.2.3", "1.2.3", READY) == []
    assert problems("1.2.3", "1.2.3", READY) == []


def test_each_disagreement_is_named() -> None:
    assert problems("v1.2.4", "1.2.3", READY) == [
        "sessiongate/__init__.py says 1.2.3, not 1.2.4",
        "CHANGELOG.md's newest version is not 1.2.4",
    ]
    undated = READY.replace(" - 2027-01-31", "")
    assert problems("v1.2.3", "1.2.3", undated) == ["CHANGELOG.md gives 1.2.3 no date"]
    pending = READY.replace("## [Unreleased]\n", "## [Unreleased]\n\n- Two.\n")
    assert problems("v1.2.3", "1.2.3", pending) == ["CHANGELOG.md has lines under Unreleased"]


def test_the_version_is_newer_than_every_released_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", sessiongate.__version__)
    released = [version for version, _ in headings(CHANGELOG) if version != "Unreleased"]
    numbers = [Version(version) for version in released]
    assert numbers == sorted(set(numbers), reverse=True)
    assert all(Version(sessiongate.__version__) >= number for number in numbers)


def test_a_tag_on_this_commit_is_this_version() -> None:
    here = ["git", "tag", "--points-at", "HEAD", "v*"]
    tags = subprocess.run(here, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for tag in tags:
        assert problems(tag, sessiongate.__version__, CHANGELOG) == []
