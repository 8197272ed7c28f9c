"""The list of methods that read: nothing in it changes something."""

import re

from sessiongate.rules.relay_reads import READING

# How the vendor names what changes something.
_CHANGES = re.compile(
    r"(Add|Apply|Attach|Clear|Create|Delete|Destroy|Detach|Disable|Enable|Format|Install|Mark|"
    r"Migrate|Move|Power|Reconfigure|Register|Relocate|Remove|Rename|Reset|Set|Terminate|Update|"
    r"Upload)[A-Z]"
)


def test_nothing_changes_anything_or_makes_a_task_but_a_search() -> None:
    assert not [name for name in READING if _CHANGES.match(name)]
    tasks = {name for name in READING if name.endswith("_Task")}
    assert tasks == {"SearchDatastore_Task", "SearchDatastoreSubFolders_Task"}


def test_readers_do_not_send_the_vcenter_to_addresses_of_their_own() -> None:
    """It connects to the host that is named there, with a password that is given there."""
    assert not {"QueryConnectionInfo", "QueryConnectionInfoViaSpec"} & READING
    assert "QueryHostConnectionInfo" in READING  # of a host that it has already
