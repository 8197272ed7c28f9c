"""`python -m tests.release VERSION`: do version, changelog and tag say the same?"""

import re
import sys

import sessiongate
from tests.house.sources import ROOT

_HEADING = re.compile(r"^## \[([^\]]+)\](?: - (\d{4}-\d\d-\d\d))?$", re.MULTILINE)


def headings(changelog: str) -> list[tuple[str, str]]:
    """The versions of a changelog, newest first, each with its date, "" for none."""
    return [(found[1], found[2] or "") for found in _HEADING.finditer(changelog)]


def problems(asked: str, version: str, changelog: str) -> list[str]:
    """What keeps `asked` (v1.2.3 or 1.2.3) from being released from these sources."""
    wanted = asked.removeprefix("v")
    found = []
    if version != wanted:
        found.append(f"sessiongate/__init__.py says {version}, not {wanted}")
    released = [one for one in headings(changelog) if one[0] != "Unreleased"]
    if not released or released[0][0] != wanted:
        found.append(f"CHANGELOG.md's newest version is not {wanted}")
    elif not released[0][1]:
        found.append(f"CHANGELOG.md gives {wanted} no date")
    unreleased = changelog.partition("## [Unreleased]")[2].partition("\n## [")[0]
    if unreleased.strip():
        found.append("CHANGELOG.md has lines under Unreleased")
    return found


def main(asked: str) -> int:
    """Say every problem; 1 where there is one."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    found = problems(asked, sessiongate.__version__, changelog)
    for problem in found:
        sys.stderr.write(f"{problem}\n")
    return min(len(found), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
