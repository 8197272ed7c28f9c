"""The files that pages load: ours are small, and those of others are the very ones of the list."""

import io
import tarfile
from pathlib import Path

import pytest

from sessiongate.operations.console.static_files import FOLDER, NAMES, read_static_files
from tests.operations.console import vendor

STATIC = vendor.FOLDER.parent
MOST_STYLE, MOST_LINES = 8_000, 80


def test_each_file_of_others_is_the_one_of_the_list() -> None:
    there = {one.name: vendor.sha256_of(one.read_bytes()) for one in vendor.FOLDER.iterdir()}
    del there[vendor.LIST]
    assert there == {one["file"]: one["sha256"] for one in vendor.listed()}


def test_each_of_them_has_a_licence_beside_it() -> None:
    for entry in vendor.listed():
        stem = f"{entry['name'].removesuffix('.org')}-{entry['version']}"
        assert (vendor.FOLDER / f"{stem}.LICENSE").is_file()
        assert entry["licence"] == "0BSD"


def test_only_what_pages_load_is_shipped() -> None:
    there = {one.relative_to(STATIC).as_posix() for one in STATIC.rglob("*") if one.is_file()}
    besides = {f"vendor/{vendor.LIST}"} | {one for one in there if one.endswith(".LICENSE")}
    assert there == {*NAMES, *besides}
    assert len(read_static_files().addresses) == len(NAMES)


def test_our_own_files_are_small_enough_to_read() -> None:
    assert len((STATIC / "console.css").read_bytes()) <= MOST_STYLE
    script = (STATIC / "console.js").read_text("utf-8").splitlines()
    assert len(script) <= MOST_LINES
    assert max(map(len, script)) <= 120


def test_an_address_says_nothing_of_the_disk() -> None:
    files = read_static_files()
    assert files.reply(f"{FOLDER}console.css") is None
    assert files.reply(f"{FOLDER}../__init__.py") is None


def test_a_package_that_is_another_is_refused(tmp_path: Path) -> None:
    [entry, *_] = vendor.listed()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        info = tarfile.TarInfo(entry["from"])
        info.size = 4
        archive.addfile(info, io.BytesIO(b"evil"))
    with pytest.raises(SystemExit, match="the package is not the one"):
        vendor.content_of(packed.getvalue(), entry, tmp_path)
    named = {**entry, "integrity": vendor.integrity_of(packed.getvalue())}
    with pytest.raises(SystemExit, match="the content is not the one"):
        vendor.content_of(packed.getvalue(), named, tmp_path)
