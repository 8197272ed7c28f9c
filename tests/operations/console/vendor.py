"""`make vendor`: what others have written and our pages load, fetched anew and held to its list."""

import base64
import hashlib
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[3] / "sessiongate/operations/console/static/vendor"
LIST = "vendor.toml"


def listed() -> list[dict[str, Any]]:
    """What stands in the list."""
    found: list[dict[str, Any]] = tomllib.loads((FOLDER / LIST).read_text("utf-8"))["file"]
    return found


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def integrity_of(package: bytes) -> str:
    """As npm has it."""
    return f"sha512-{base64.b64encode(hashlib.sha512(package).digest()).decode()}"


def content_of(package: bytes, entry: dict[str, Any], folder: Path) -> bytes:
    """The file of an entry out of npm's package. Raises SystemExit for any other content."""
    if integrity_of(package) != entry["integrity"]:
        raise SystemExit(f"{entry['name']}: the package is not the one of the list")
    packed = folder / "package.tgz"
    packed.write_bytes(package)
    with tarfile.open(packed) as archive:
        member = archive.extractfile(entry["from"])
        content = member.read() if member is not None else b""
    if sha256_of(content) != entry["sha256"]:
        raise SystemExit(f"{entry['file']}: the content is not the one of the list")
    return content


def main() -> None:
    """Fetch all of the list."""
    for entry in listed():
        with tempfile.TemporaryDirectory() as folder:
            asked = f"{entry['name']}@{entry['version']}"
            subprocess.run(["npm", "pack", "--silent", asked], cwd=folder, check=True)
            [packed] = Path(folder).glob("*.tgz")
            content = content_of(packed.read_bytes(), entry, Path(folder))
        (FOLDER / entry["file"]).write_bytes(content)
        sys.stdout.write(f"{entry['file']}: {asked}\n")


if __name__ == "__main__":
    main()
