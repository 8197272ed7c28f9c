"""The pages of docs/ that are made from the code: `python -m tests.docs.pages` writes them anew.

A page holds prose, and between two marks the part that is made. `test_pages` fails when a page
says anything else than the code does.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.docs.from_access import roles_table
from tests.docs.from_commands import commands_reference, exit_codes
from tests.docs.from_environment import environment_table
from tests.docs.from_faults import faults_table
from tests.docs.from_metrics import metrics_table
from tests.docs.from_scenarios import scenarios_table
from tests.docs.from_security import requirements_table
from tests.docs.from_settings import settings_reference
from tests.docs.from_simulator import simulator_table
from tests.docs.from_wire import (
    errors_table,
    methods_table,
    objects_table,
    properties_table,
    resources_table,
)

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
HOW = "make docs"

MADE: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "commands.md": {"commands": commands_reference, "exit codes": exit_codes},
    "deploy.md": {"environment": environment_table},
    "faults.md": {"faults": faults_table, "scenarios": scenarios_table},
    "interop.md": {"simulator": simulator_table},
    "metrics.md": {"metrics": metrics_table},
    "security.md": {"requirements": requirements_table},
    "settings.md": {"settings": settings_reference},
    "users-and-roles.md": {"roles": roles_table},
    "wire.md": {
        "errors": errors_table,
        "methods": methods_table,
        "properties": properties_table,
        "resources": resources_table,
        "objects": objects_table,
    },
}
"""Which part of which page is made by what."""


def page(name: str) -> Path:
    """The file of a page."""
    return DOCS / name


def as_it_should_be(name: str) -> str:
    """The page's text with its made parts as the code has them now."""
    text = page(name).read_text(encoding="utf-8")
    for part, make in MADE[name].items():
        text = _with_part(text, part, make())
    return text


def _with_part(text: str, part: str, made: str) -> str:
    begin = f"<!-- made: {part} (`{HOW}` writes it) -->"
    end = f"<!-- end of {part} -->"
    marked = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if len(marked.findall(text)) != 1:
        raise ValueError(f"the page must hold exactly one pair of marks: {begin} and {end}")
    whole = f"{begin}\n\n{made.strip()}\n\n{end}"
    return marked.sub(lambda _: whole, text)


def write() -> None:
    """Write every page anew."""
    for name in MADE:
        page(name).write_text(as_it_should_be(name), encoding="utf-8")


if __name__ == "__main__":
    write()
