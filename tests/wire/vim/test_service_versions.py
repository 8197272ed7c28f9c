"""vimServiceVersions.xml, read the way pyVmomi and govmomi read it."""

from xml.etree import ElementTree

import pytest

from sessiongate.wire.vim import json as vim_json
from sessiongate.wire.vim.service_versions import VERSIONS, document
from sessiongate.wire.xml import parse


def test_pyvmomi_finds_what_it_looks_for() -> None:
    root = ElementTree.fromstring(document())
    # pyVmomi compares the tag itself, and takes only this version of the form.
    assert root.tag == "namespaces"
    assert root.get("version") == "1.0"
    assert [namespace.findtext("name") for namespace in root] == ["urn:vim25"]
    newest = root.findtext("./namespace/version")
    prior = [version.text for version in root.findall("./namespace/priorVersions/version")]
    assert (newest, *prior) == VERSIONS


@pytest.mark.parametrize("version", ["8.0.3.0", "7.0.3.0", "6.7", "6.5", "6.0", "5.5", "4.0"])
def test_old_clients_find_their_version(version: str) -> None:
    assert f"<version>{version}</version>".encode() in document()


def test_versions_are_listed_once_newest_first() -> None:
    numbers = [tuple(int(part) for part in version.split(".")) for version in VERSIONS]
    assert numbers == sorted(set(numbers), reverse=True)


def test_the_newest_is_one_that_json_speaks_too() -> None:
    # govmomi uses it for both wire forms.
    assert vim_json.knows_release(VERSIONS[0])
    assert set(vim_json.RELEASES) <= set(VERSIONS)


def test_the_document_is_plain_xml() -> None:
    assert parse(document()).name == "namespaces"
