"""Settings: which source wins, what is refused and in which words, what is shown."""

import json
import traceback
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest

from sessiongate.config import Address, load, show
from sessiongate.errors import ConfigError
from sessiongate.secret import Secret, secret_text
from sessiongate.session import Caps, Limits
from tests.each import each

CANARY = "hunter2-canary"


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "sessiongate.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, environ or {}, overrides or {})
    return caught.value.problems


# What is in force


def test_nothing_set_is_the_embedded_default() -> None:
    config = load()
    assert config.server.listen == (Address("127.0.0.1", 9669),)
    assert config.admin.listen == Address("127.0.0.1", 9670)
    assert config.server.data_dir.is_absolute()
    assert config.store_path == config.server.data_dir / "sessiongate.db"
    assert config.sessions.limits == Limits(timedelta(minutes=30), None)
    assert config.sessions.caps == Caps(0, 0)
    assert config.server.limits.body == 1 << 20
    assert config.identity == {"local": {"type": "file"}}
    assert not config.server.plain_http
    assert set(config.origins.values()) == {"default"}


def test_sec_30_the_default_config_holds_no_credentials() -> None:
    assert "***" not in json.dumps(show(load()))


def test_each_source_wins_over_the_one_before(tmp_path: Path) -> None:
    path = written(
        tmp_path, "[sessions]\nmax_total = 1\nmax_per_principal = 1\n[lockout]\nattempts=1"
    )
    environ = {"SESSIONGATE_SESSIONS__MAX_TOTAL": "2", "sessiongate_lockout__attempts": "2"}
    config = load(path, environ, {"lockout.attempts": 3})
    assert config.sessions.caps == Caps(per_principal=1, total=2)
    assert config.lockout.attempts == 3
    assert config.lockout.window == timedelta(minutes=3)
    where = {
        name: config.origins[name] for name in config.origins if config.origins[name] != "default"
    }
    assert where == {
        "sessions.max_per_principal": "file",
        "sessions.max_total": "env",
        "lockout.attempts": "flag",
    }


def test_the_settings_of_the_design_are_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [server]
        listen = ["127.0.0.1:9669", "[::1]:9669", "unix:/run/gate.sock"]
        data_dir = "state"
        workers = 1
        [server.tls]
        certificate = "tls/server.pem"
        key = "/etc/tls/server.key"
        [admin]
        listen = "127.0.0.1:9670"
        [sessions]
        idle_timeout = "30m"
        absolute_timeout = "0"
        max_per_principal = 0
        max_total = 0
        profile = "vc7"
        default_locale = "en_US"
        [store]
        url = "memory:"
        [identity.local]
        [identity.corp]
        type = "ldap"
        url = "ldaps://dc1.example.com"
        [identity.corp.roles]
        "CN=Admins,OU=x" = "administrator"
        [dialects.zerto]
        windows = "local"
        hypervisor = "corp"
        [dialects.vsphere]
        default = "local"
        [roles.auditor]
        privileges = ["System.View", "Sessions.ValidateSession"]
        """,
    )
    config = load(path)
    assert [str(one) for one in config.server.listen] == [
        "127.0.0.1:9669",
        "[::1]:9669",
        "unix:/run/gate.sock",
    ]
    assert config.server.data_dir == tmp_path / "state"
    assert config.server.tls.certificate == tmp_path / "tls/server.pem"
    assert config.server.tls.key == Path("/etc/tls/server.key")
    assert config.store_path is None
    assert config.identity["local"] == {"type": "file"}
    assert config.identity["corp"]["roles"] == {"CN=Admins,OU=x": "administrator"}
    assert config.dialects.zerto.hypervisor == "corp"
    assert config.roles["auditor"].privileges == ("System.View", "Sessions.ValidateSession")


def test_a_config_does_not_change() -> None:
    config = load()
    with pytest.raises(ValueError, match="frozen"):
        config.lockout.attempts = 9


def test_the_environment_reaches_nested_lists_and_named_tables(tmp_path: Path) -> None:
    path = written(tmp_path, '[identity.Corp]\ntype = "ldap"\n[identity.local]\n')
    config = load(
        path,
        {
            "SESSIONGATE_SERVER__LISTEN": "127.0.0.1:1, [::1]:2",
            "SESSIONGATE_SERVER__PLAIN_HTTP": "yes",
            "SESSIONGATE_IDENTITY__CORP__URL": "ldaps://dc",
            "SESSIONGATE_ROLES__AUDITOR__PRIVILEGES": "System.View,Sessions.ValidateSession",
        },
    )
    assert config.server.listen == (Address("127.0.0.1", 1), Address("::1", 2))
    assert config.server.plain_http
    assert config.identity["Corp"] == {"type": "ldap", "url": "ldaps://dc"}
    assert len(config.roles["auditor"].privileges) == 2


def test_names_beside_the_settings_are_let_be() -> None:
    load(
        None,
        {
            "SESSIONGATE_BOOTSTRAP_ADMIN_USERNAME": "root",
            "SESSIONGATE_BOOTSTRAP_ADMIN_PASSWORD": "x",
            "SESSIONGATE_BOOTSTRAP_ADMIN_PASSWORD_FILE": "/x",
            "SESSIONGATE_REQUIRE_PEERS": "1",
            # what Kubernetes sets beside a Service named sessiongate
            "SESSIONGATE_SERVICE_HOST": "10.0.0.1",
            "SESSIONGATE_SERVICE_PORT": "9669",
            "SESSIONGATE_SERVICE_PORT_HTTPS": "9669",
            "SESSIONGATE_PORT": "tcp://10.0.0.1:9669",
            "SESSIONGATE_PORT_9669_TCP_ADDR": "10.0.0.1",
            "PATH": "/bin",
        },
    )


def test_the_environment_may_name_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "[lockout]\nattempts = 7\n")
    assert load(None, {"SESSIONGATE_CONFIG": str(path)}).lockout.attempts == 7


def test_a_table_of_providers_replaces_the_default_one() -> None:
    environ = {
        "SESSIONGATE_IDENTITY__CORP__TYPE": "ldap",
        "SESSIONGATE_DIALECTS__ZERTO__WINDOWS": "corp",
        "SESSIONGATE_DIALECTS__ZERTO__HYPERVISOR": "corp",
        "SESSIONGATE_DIALECTS__VSPHERE__DEFAULT": "corp",
    }
    assert set(load(None, environ).identity) == {"corp"}


# The profile


def test_a_profile_gives_what_is_not_set() -> None:
    config = load(None, {"SESSIONGATE_SESSIONS__PROFILE": "vc7"})
    assert config.sessions.caps == Caps(550, 2000)
    assert config.origins["sessions.max_total"] == "profile"


def test_what_is_set_wins_over_the_profile() -> None:
    overrides = {"sessions.profile": "vc8", "sessions.max_total": 0, "sessions.idle_timeout": "2h"}
    config = load(None, {}, overrides)
    assert config.sessions.caps == Caps(550, 0)
    assert config.sessions.limits == Limits(timedelta(hours=2), None)
    assert config.origins["sessions.max_total"] == "flag"


# Secrets


def key_files(tmp_path: Path) -> dict[str, str]:
    return {
        "SESSIONGATE_SERVER__TLS__CERTIFICATE": str(tmp_path / "c"),
        "SESSIONGATE_SERVER__TLS__KEY": str(tmp_path / "k"),
    }


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_secret_may_be_in_a_file(tmp_path: Path, ending: str) -> None:
    (tmp_path / "secret").write_bytes(f" {CANARY} {ending}".encode())
    environ = {
        **key_files(tmp_path),
        "SESSIONGATE_SERVER__TLS__KEY_PASSWORD_FILE": str(tmp_path / "secret"),
        "SESSIONGATE_IDENTITY__LOCAL__BIND_PASSWORD_FILE": str(tmp_path / "secret"),
    }
    config = load(None, environ)
    password = config.server.tls.key_password
    bind = config.identity["local"]["bind_password"]
    assert password is not None
    assert password.reveal() == f" {CANARY} "
    assert isinstance(bind, Secret)
    assert bind.reveal() == f" {CANARY} "


@pytest.mark.parametrize(
    ("raw", "secret"),
    [
        (b"\xef\xbb\xbfsecret\r\n", "secret"),
        (b"secret\n", "secret"),
        (b"secret\r\n\n", "secret"),
        (b" secret \r\n", " secret "),
        (b"sec\xef\xbb\xbfret", "sec\ufeffret"),
    ],
)
def test_a_secret_is_what_stands_between_mark_and_line_end(raw: bytes, secret: str) -> None:
    assert secret_text(raw) == secret


def test_a_byte_order_mark_is_no_part_of_the_settings(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeff[server]\nworkers = 1\nplain_http = true\n")
    assert load(path).server.plain_http


@pytest.mark.parametrize("flags", [{}, {"server.workers": 0}])
def test_without_a_home_the_data_directory_must_be_set(
    flags: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(_: int) -> NoReturn:
        raise KeyError

    for name in ("XDG_DATA_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    assert [one for one in problems(None, {}, flags) if "data_dir" in one] == [
        "server.data_dir: is required here, since this account has no home directory to keep it"
        " in; set it, or give --data-dir"
    ]
    assert load(None, {}, {"server.data_dir": "/somewhere"}).server.data_dir == Path("/somewhere")


def test_a_secret_file_in_the_file_is_found_beside_it(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(CANARY)
    path = written(
        tmp_path, '[identity.local]\nbind_password_file = "secret"\nca_file = "ca.pem"\n'
    )
    table = load(path).identity["local"]
    assert isinstance(table["bind_password"], Secret)
    assert table["ca_file"] == "ca.pem"


def test_the_environments_secret_file_wins_over_the_files_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("new")
    path = written(tmp_path, '[identity.local]\nbind_password = "old"\n')
    environ = {"SESSIONGATE_IDENTITY__LOCAL__BIND_PASSWORD_FILE": str(tmp_path / "secret")}
    bind = load(path, environ).identity["local"]["bind_password"]
    assert isinstance(bind, Secret)
    assert bind.reveal() == "new"


def test_a_secret_given_twice_in_one_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("new")
    environ = {
        "SESSIONGATE_IDENTITY__LOCAL__TOKEN": "old",
        "SESSIONGATE_IDENTITY__LOCAL__TOKEN_FILE": str(tmp_path / "secret"),
    }
    [problem] = problems(None, environ)
    assert problem.startswith(
        "SESSIONGATE_IDENTITY__LOCAL__TOKEN_FILE: sets identity.local.token a"
    )


def test_sec_68_no_secret_in_what_is_shown_or_printed(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        f"""
        [server.tls]
        certificate = "c"
        key = "k"
        key_password = "{CANARY}"
        [identity.local]
        bind_password = "{CANARY}"
        url = "ldaps://reader:{CANARY}@dc"
        spare = [{{ url = "ldaps://b", client_secret = "{CANARY}" }}]
        """,
    )
    config = load(path)
    shown = show(config)
    assert shown["server.tls.key_password"] == {"value": "***", "origin": "file"}
    assert shown["identity.local.bind_password"]["value"] == "***"
    assert shown["identity.local.url"]["value"] == "ldaps://***@dc"
    assert CANARY not in json.dumps(shown)
    assert CANARY not in f"{config!r} {config}"


WRONG_PLACES = {
    "server.workers": CANARY,
    "server.listen": CANARY,
    "server.plain_http": CANARY,
    "server.public_names": f"{CANARY} x",
    "server.tls.certificate": f"{CANARY}\0",
    "server.limits.body": CANARY,
    "server.limits.header_count": CANARY,
    "admin.listen": f"{CANARY}:{CANARY}",
    "sessions.idle_timeout": CANARY,
    "sessions.max_total": f"-1{CANARY}",
    "sessions.profile": CANARY,
    "sessions.default_locale": CANARY,
    "store.url": f"redis://:{CANARY}@host",
    "dialects.vsphere.default": CANARY,
    "server.tls.key_password_file": CANARY,
    "identity.local.bind_password_file": CANARY,
    "identity.local": CANARY,
    "server": CANARY,
    "sesions.idle_timeout": CANARY,
}


@each("setting", WRONG_PLACES)
def test_sec_18_problems_never_show_values(setting: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, {"SESSIONGATE_" + setting.replace(".", "__").upper(): WRONG_PLACES[setting]})
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(ConfigError) as caught:
        load(None, {}, {setting: WRONG_PLACES[setting]})
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "text",
    [
        f"password = {CANARY}",
        f'[server]\nlisten = "{CANARY}',
        f'"{CANARY}" "{CANARY}"',
        f'a = "{CANARY}"\na = "{CANARY}"',
    ],
)
def test_sec_18_a_file_that_is_not_toml_is_not_quoted(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(path) in str(caught.value)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


# Refusals


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [server]
        workers = 2
        [sessions]
        idel_timeout = "5m"
        [lockout]
        window = 180
        [dialects.vsphere]
        default = "corp"
        """,
    )
    found = problems(path, {"SESSIONGATE_SERVER_LISTEN": "x"}, {"hashing.queue": 0})
    at = f"(in {path})"
    assert found == [
        f"sessions.idel_timeout: is not a setting; did you mean sessions.idle_timeout? {at}",
        "SESSIONGATE_SERVER_LISTEN: is not a setting; did you mean SESSIONGATE_SERVER__LISTEN?"
        " (in the environment)",
        'lockout.window: must be a duration such as "90s", "30m", "1h30m" or "2d";'
        f' a number alone has no unit, add one: "90s" {at}',
        "hashing.queue: must be a whole number of at least 1 and below a thousand million"
        " (on the command line)",
        "server.workers: must be 1: one process owns a SQLite store's sessions;"
        f" more workers need a store that processes share {at}",
        "dialects.vsphere.default: must name an identity table, local if unset;"
        f" there are: local {at}",
    ]


@pytest.mark.parametrize(
    ("unknown", "meant"),
    [
        ("sever.listen", "server.listen"),
        ("server.idle_timeout", "console.idle_timeout or sessions.idle_timeout"),
        ("session.idle_timeout", "sessions.idle_timeout"),
        ("server.tls.key_pasword_file", "server.tls.key_password_file"),
        ("roles.auditor.privilege", "roles.auditor.privileges"),
        ("server.listen.first", "server.listen"),
    ],
)
def test_an_unknown_setting_has_a_suggestion(unknown: str, meant: str) -> None:
    [problem] = problems(None, {}, {unknown: "x"})
    assert f"did you mean {meant}?" in problem


def test_an_unknown_setting_like_none_of_ours_has_none() -> None:
    [problem] = problems(None, {"SESSIONGATE_XYZZY": "x"})
    assert "config schema" in problem


@each(
    ("overrides", "expected"),
    [
        ({"server.workers": 2, "store.url": "memory:"}, "server.workers: must be 1: the memory"),
        ({"store.password": "x"}, "store.password: is about Redis"),
        ({"store.cache": True}, "store.cache: is about Redis"),
        (
            {"store.url": "redis://h", "store.certificate_authority": "ca.pem"},
            "store.certificate_authority: needs TLS",
        ),
        (
            {"store.url": "redis://h", "store.sentinel_password": "x"},
            "store.sentinel_password: has no Sentinel",
        ),
        (
            {"sessions.idle_timeout": "2h", "sessions.absolute_timeout": "1h"},
            "sessions.idle_timeout: must not exceed",
        ),
        ({"sessions.absolute_timeout": "10m"}, "sessions.idle_timeout: must not exceed"),
        ({"server.tls.certificate": "c"}, "server.tls: certificate and key come together"),
        ({"server.tls.key_password": "x"}, "server.tls.key_password: has no key to open"),
        ({"audit.syslog": "tcp:log.example:0"}, "audit.syslog: has a port that is not 1 to 65535"),
        ({"server.listen": ["[::1]:1", "[0:0::1]:1"]}, "server.listen: entry 2 repeats"),
        ({"server.listen": []}, "server.listen: must hold at least one address"),
        ({"admin.listen": "127.0.0.1:9669"}, "admin.listen: is also in server.listen"),
        ({"console.listen": "127.0.0.1:9669"}, "console.listen: is also in server.listen or"),
        ({"console.listen": "127.0.0.1:9670"}, "console.listen: is also in server.listen or"),
        (
            {"console.listen": "0.0.0.0:1", "server.plain_http": True},
            "console.listen: leaves this machine without TLS",
        ),
        ({"console.idle_timeout": "0"}, "console.idle_timeout: must be above 0"),
        ({"identity.corp.url": "ldaps://x"}, "identity.corp.type: is required"),
        ({"identity.a b.type": "x"}, "identity.a b.type: names are letters"),
        ({"identity.corp": 3}, "identity.corp: is a table"),
        ({"identity.local.password": 3}, "identity.local.password: must be a text"),
        ({"roles.x.privileges": [1]}, "roles.x.privileges: entry 1 must be a text"),
        ({"roles.x": {}}, "roles.x.privileges: is required"),
        ({"extensions.com.role": "usr"}, "extensions.com.role: must name a role; there are: adm"),
        (
            {f"dialects.appliance.clients.ci.{key}": "usr" for key in ("secret", "role")},
            "dialects.appliance.clients.ci.role: must name a role; there are: adm",
        ),
        (
            {
                "server.workers": 2,
                "upstream.vc1.type": "vcenter",
                "upstream.vc1.url": "https://vc.example",
            },
            "server.workers: must be 1: one process owns a SQLite store",
        ),
        ({"store.url": "redis://"}, "store.url: must be redis://HOST"),
        ({"store.url": "postgres://x"}, "store.url: must be memory:, sqlite:FILE, or"),
        ({"store.url": "sqlite:"}, "store.url: must be memory:"),
        ({"sessions.default_locale": "xx"}, "sessions.default_locale: must be a locale"),
        ({"sessions.idle_timeout": "0"}, "sessions.idle_timeout: must be above 0"),
    ],
)
def test_refused(overrides: dict[str, object], expected: str) -> None:
    assert any(problem.startswith(expected) for problem in problems(None, {}, overrides))


def test_every_address_that_is_none_is_named() -> None:
    wrong = {"server.listen": ["9669", "127.0.0.1:9669", "[::1]:x", "unix:"]}
    assert [line.partition(" must be")[0] for line in problems(None, {}, wrong)] == [
        f"server.listen: entry {position}" for position in (1, 3, 4)
    ]


@pytest.mark.parametrize("text", ["off", " OFF "])
def test_the_operations_listener_can_be_off(text: str) -> None:
    assert load(None, {"SESSIONGATE_ADMIN__LISTEN": text}).admin.listen is None
    assert load(None, {}, {"admin.listen": text}).admin.listen is None


@pytest.mark.parametrize("text", ["", "none", "of", ":9670"])
def test_only_off_turns_the_operations_listener_off(text: str) -> None:
    (problem,) = problems(None, {}, {"admin.listen": text})
    assert problem.startswith("admin.listen: must be ")
    assert '"off" does without' in problem


def test_the_console_may_leave_the_machine_with_tls_or_behind_a_proxy_that_is_named() -> None:
    assert load(None, {}, {"console.listen": "0.0.0.0:1"}).console.listen is not None
    behind = {"server.plain_http": True, "server.trusted_proxies": ["192.0.2.1"]}
    assert load(None, {}, {"console.listen": "0.0.0.0:1", **behind}).console.listen is not None
    assert load(None, {}, {"console.listen": "off"}).console.listen is None


def test_more_workers_go_with_a_store_that_they_share() -> None:
    config = load(None, {}, {"server.workers": 4, "store.url": "redis://cache.example.com"})
    assert config.server.workers == 4
    assert config.store_path is None


def test_addresses_with_any_free_port_do_not_collide() -> None:
    overrides = {"server.listen": ["127.0.0.1:0", "127.0.0.1:0"], "admin.listen": "127.0.0.1:0"}
    assert len(load(None, {}, overrides).server.listen) == 2


def test_a_file_that_is_missing_or_not_text_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    assert problems(missing) == [
        f"{missing}: cannot be read: No such file or directory; name a file the server may read"
    ]
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    assert problems(binary) == [f"{binary}: is not UTF-8; save it as UTF-8 text"]


def test_a_secrets_file_must_hold_a_secret(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff")
    (tmp_path / "long").write_bytes(b"x" * 70000)
    for name, why in {"empty": "is empty", "bytes": "is not UTF-8", "long": "far too long"}.items():
        [problem] = problems(None, {}, {"identity.local.token_file": str(tmp_path / name)})
        assert why in problem
    [problem] = problems(None, {}, {"identity.local.token_file": 3})
    assert "must name a file" in problem


# The short name of the data directory


def test_the_data_directory_has_a_short_name(tmp_path: Path) -> None:
    config = load(None, {"SESSIONGATE_DATA_DIR": str(tmp_path)})
    assert config.server.data_dir == tmp_path
    assert config.origins["server.data_dir"] == "env"
    relative = load(None, {"sessiongate_data_dir": "var"})
    assert relative.server.data_dir == Path.cwd() / "var"


def test_the_short_name_is_before_the_file_and_after_the_flag(tmp_path: Path) -> None:
    path = written(tmp_path, '[server]\ndata_dir = "/from/file"\n')
    environ = {"SESSIONGATE_DATA_DIR": "/from/environment"}
    assert load(path, environ).server.data_dir == Path("/from/environment")
    flag = load(path, environ, {"server.data_dir": "/from/flag"})
    assert flag.server.data_dir == Path("/from/flag")


@pytest.mark.parametrize(
    ("short", "whole", "same"),
    [
        ("/a", "/a", True),
        ("/a/", "/a", True),
        ("var", str(Path.cwd() / "var"), True),
        ("/a", "/b", False),
        ("", "/b", False),
    ],
)
def test_both_names_may_be_set_to_the_same_only(short: str, whole: str, same: bool) -> None:
    environ = {"SESSIONGATE_DATA_DIR": short, "SESSIONGATE_SERVER__DATA_DIR": whole}
    if same:
        assert load(None, environ).server.data_dir == Path(whole)
        return
    [problem] = problems(None, environ)
    assert problem.startswith("SESSIONGATE_DATA_DIR: ")
    assert "SESSIONGATE_SERVER__DATA_DIR" in problem
    assert "keep one" in problem


def test_a_short_name_that_names_nothing_is_a_problem() -> None:
    for name in ("SESSIONGATE_DATA_DIR", "sessiongate_data_dir", "SESSIONGATE_SERVER__DATA_DIR"):
        assert problems(None, {name: ""}) == [
            "server.data_dir: must be the name of a file or directory, and is empty; name one,"
            f" or leave it out (in the environment, as {name})"
        ]
    assert problems(None, {"SESSIONGATE_AUDIT__FILE": ""}) == [
        "audit.file: must be the name of a file or directory, and is empty; name one,"
        " or leave it out (in the environment, as SESSIONGATE_AUDIT__FILE)"
    ]


def test_the_least_length_of_passwords_has_an_end() -> None:
    """Longer ones cannot be hashed, so nobody could set any."""
    assert load().hashing.min_length == 12
    assert load(None, {}, {"hashing.min_length": 4096}).hashing.min_length == 4096
    assert "hashing.min_length" in problems(None, {}, {"hashing.min_length": 4097})[0]
    assert "hashing.min_length" in problems(None, {}, {"hashing.min_length": 0})[0]
