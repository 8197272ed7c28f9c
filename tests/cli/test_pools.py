"""What `sessiongate pools` says to people."""

from sessiongate.cli.pools import rotated


def test_a_rotation_says_what_becomes_of_it() -> None:
    assert rotated("vc1", 2, "open") == "vc1: 2 sessions to replace."
    paused = rotated("vc1", 1, "paused")
    assert paused.startswith("vc1: 1 session to replace, once `sessiongate pools resume vc1`")
    draining = rotated("vc1", 0, "draining")
    assert draining.startswith("vc1 drains, so there is nothing to replace")
    assert draining.endswith("none is opened before `sessiongate pools resume vc1`.")
