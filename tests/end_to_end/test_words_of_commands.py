"""What commands say of slips and of the last administrator: the one thing to do, and once."""

import json
from pathlib import Path

import pytest

from tests.end_to_end.serving import Finished, run_here

QUIET = '[server]\nlisten = ["127.0.0.1:0"]\n[admin]\nlisten = "off"\n'


def checked(tmp_path: Path, text: str) -> Finished:
    file = tmp_path / "gate.toml"
    file.write_text(QUIET + text)
    given = ("--config", str(file), "--data-dir", str(tmp_path / "data"))
    return run_here("check", *given, "--output", "json")


def problems(done: Finished) -> list[str]:
    assert done.code != 0, done
    found = json.loads(done.out)["problems"]
    assert isinstance(found, list)
    return found


def test_a_misspelled_type_is_told_and_not_what_follows_from_it(tmp_path: Path) -> None:
    found = checked(tmp_path, '[identity.corp]\ntype = "ldpa"\nurl = "ldaps://dc.example"\n')
    [one] = problems(found)
    assert "identity.corp.type: no such type" in one
    assert "did you mean ldap?" in one


def test_a_setting_that_was_given_is_told_beside_a_misspelled_type(tmp_path: Path) -> None:
    text = '[identity.corp]\ntype = "ldpa"\n[dialects.zerto]\nwindows = "crop"\n'
    [one] = problems(checked(tmp_path, text))
    assert "dialects.zerto.windows: must name an identity table" in one


def test_a_missing_table_is_told_where_every_type_is_known(tmp_path: Path) -> None:
    text = '[identity.corp]\ntype = "file"\n'
    assert len(problems(checked(tmp_path, text))) == 3


def test_a_wrong_privilege_is_told_once_and_hides_nothing(tmp_path: Path) -> None:
    text = '[identity.local]\ntype = "file"\n[roles.audit]\nprivileges = ["System"]\n'
    assert len(problems(checked(tmp_path, text))) == 1
    found = problems(checked(tmp_path, text + '[identity.vc]\ntype = "vcenter"\n'))
    assert [one.partition(": ")[0] for one in found] == ["roles", "providers"]
    assert "identity.vc.url" in found[1]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('listen = ["127.0.0.1:1"]\n', "did you mean server.listen"),
        ('data_dir = "x"\n', "did you mean server.data_dir"),
        ('idle_timeout = "5m"\n', "did you mean console.idle_timeout or sessions.idle_timeout?"),
    ],
)
def test_a_key_without_its_table_is_told_which(tmp_path: Path, text: str, hint: str) -> None:
    file = tmp_path / "gate.toml"
    file.write_text(text)
    done = run_here("check", "--config", str(file), "--data-dir", str(tmp_path / "data"))
    assert done.code == 2
    assert hint in done.err


def test_a_name_to_listen_at_is_refused_with_what_is_taken(tmp_path: Path) -> None:
    given = ("--data-dir", str(tmp_path / "data"))
    for name in ("gate.example.com:9669", "localhost.example:1", "[localhost]:1"):
        done = run_here("serve", *given, "--listen", name)
        assert done.code == 2
        assert "the host is an IP address or localhost" in done.err
    listed = '[server]\nlisten = ["LocalHost:0"]\n[admin]\nlisten = "off"\n'
    (tmp_path / "gate.toml").write_text(listed)
    assert run_here("check", "--config", str(tmp_path / "gate.toml"), *given).code == 0


def test_a_data_directory_that_is_a_file_is_told(tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.write_text("")
    for place in (taken, taken / "below"):
        given = ("--data-dir", str(place))
        found = run_here("check", *given, "--output", "json")
        assert any(f"{taken} is a file, and must be a directory" in one for one in problems(found))
        for command in ("init", "cert show", "users list", "serve"):
            done = run_here(*command.split(), *given)
            assert done.code != 0, command
            assert f"{taken} is a file, and must be a directory" in done.err, done


def users(data_dir: Path, *args: str, stdin: str = "") -> Finished:
    return run_here("users", *args, "--data-dir", str(data_dir), stdin=stdin)


def note(data_dir: Path) -> str:
    found = run_here(
        "check", "--data-dir", str(data_dir), "--output", "json",
        environ={"SESSIONGATE_SERVER__LISTEN": "127.0.0.1:0"},
    ).json()  # fmt: skip
    [row] = [row for row in found["checks"] if row["check"] == "users of local"]
    return str(row["detail"])


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """With the administrator `admin`."""
    run_here("init", "--data-dir", str(tmp_path / "data"))
    return tmp_path / "data"


def test_the_last_administrator_is_warned_of(data_dir: Path) -> None:
    added = users(
        data_dir, "add", "second", "--role", "administrator", "--password-stdin",
        stdin="Lighthouse-7\n",
    )  # fmt: skip
    assert added.code == 0
    one = users(data_dir, "disable", "second")
    assert one.err == ""
    for change in (("disable", "ADMIN"), ("remove", "admin"), ("role", "admin", "user")):
        refused = users(data_dir, *change)
        assert (refused.code, refused.out) == (1, "")
        assert "admin is the last administrator, so nothing was changed; --yes" in refused.err
    last = users(data_dir, "disable", "admin", "--yes")
    assert (last.code, "User disabled." in last.out) == (0, True)
    assert "no administrator" in last.err
    assert "sessiongate users enable admin" in last.err
    assert "sessiongate users enable admin" in note(data_dir)
    assert users(data_dir, "enable", "second").err == ""
    assert "may log in" in note(data_dir)
    assert "no administrator" in users(data_dir, "role", "second", "user", "--yes").err
    assert "no administrator" in users(data_dir, "remove", "admin").err
    assert "sessiongate users add" in note(data_dir)


def test_a_user_that_is_as_asked_already_is_said_to_be(data_dir: Path) -> None:
    assert "User disabled." in users(data_dir, "disable", "admin", "--yes").out
    again = users(data_dir, "disable", "ADMIN")
    assert (again.code, "User was disabled already." in again.out) == (0, True)
    assert "User enabled." in users(data_dir, "enable", "admin").out
    assert "User was enabled already." in users(data_dir, "enable", "admin").out


def test_a_misspelled_role_is_told_the_near_one(data_dir: Path, tmp_path: Path) -> None:
    done = users(data_dir, "role", "admin", "administratr")
    assert "did you mean administrator?" in done.err
    done = users(
        data_dir, "add", "x", "--role", "operater", "--password-stdin", stdin="Light-77-aa\n"
    )
    assert "did you mean operator?" in done.err
    text = '[extensions."a.b"]\nfingerprint = "' + "ab" * 32 + '"\nrole = "oprator"\n'
    assert any("did you mean operator?" in one for one in problems(checked(tmp_path, text)))


def test_sizes_are_shown_as_they_were_written(tmp_path: Path) -> None:
    file = tmp_path / "gate.toml"
    file.write_text('[server.limits]\nbody = "2MiB"\nheader_bytes = 4097\n')
    given = ("--config", str(file), "--data-dir", str(tmp_path / "data"))
    shown = {row["setting"]: row["value"] for row in run_here(
        "config", "show", *given, "--output", "json"
    ).json()}  # fmt: skip
    assert shown["server.limits.body"] == "2MiB"
    assert shown["server.limits.header_bytes"] == 4097
