"""Machine, versions, date: without them no figure means anything."""

import importlib.metadata
import os
import platform
import re
import shutil
import ssl
import subprocess
import sysconfig
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import sessiongate

ROOT = Path(__file__).parent.parent.parent

_PACKAGES = ("sessiongate", "uvloop", "httptools", "msgspec", "argon2-cffi")
_PEERS = {
    "wrk": ("wrk", "-v"),
    "nginx": ("nginx", "-v"),
    "Redis": ("redis-server", "--version"),
    "Valkey": ("valkey-server", "--version"),
}
_NUMBER = re.compile(r"\d+\.\d+[.\d]*")
_FLAGS = ("CONFIG_ARGS", "CFLAGS", "CFLAGS_NODIST", "PY_CFLAGS", "PY_CORE_CFLAGS", "LDFLAGS_NODIST")


def facts_of(*, quick: bool) -> list[str]:
    """One line each."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES]
    kind = "quick run (ratios are rough)" if quick else "full run"
    commit = _said("git", "rev-parse", "--short", "HEAD")
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    python = f"{platform.python_implementation()} {platform.python_version()}"
    peers = [f"{name} {_version(*command)}" for name, command in _PEERS.items()]
    return [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {kind}, commit {commit}",
        f"{_processor()}, {platform.system()} {platform.release()}, load at the end {load}",
        f"{python} ({build_of(sysconfig.get_config_vars())}), {ssl.OPENSSL_VERSION}",
        f"{', '.join(versions)}; {', '.join(_compiled()) or 'no compiled modules of ours'}",
        f"{', '.join(peers)}, vcsim {_vcsim()}",
    ]


def build_of(settings: Mapping[str, object]) -> str:
    """How an interpreter was built, by its settings: it counts for a fifth of the time.

    What they do not tell is not known to be absent. Debian's rules optimise by flags of `make`, of
    which nothing is kept.
    """
    told = " ".join(str(settings.get(name) or "") for name in _FLAGS)
    profiled = any(flag in told for flag in ("--enable-optimizations", "-fprofile-use"))
    linked = any(flag in told for flag in ("--with-lto", "-flto"))
    debug = ["debug build"] if settings.get("Py_DEBUG") else []
    free = ["free-threaded"] if settings.get("Py_GIL_DISABLED") else []
    said = [f"PGO {_said_or(profiled)}", f"LTO {_said_or(linked)}", *debug, *free]
    return ", ".join(said)


def _said_or(told: bool) -> str:
    return "yes" if told else "not told"


def _compiled() -> list[str]:
    """Modules of ours that are no Python here."""
    package = Path(sessiongate.__file__).parent
    found = sorted(package.rglob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}"))
    return [f"compiled: {path.name.partition('.')[0]}" for path in found]


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"{len(models)} × {models[0]}" if models else platform.machine()


def _version(program: str, *options: str) -> str:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    found = shutil.which(program, path=path)
    number = _NUMBER.search(_said(found, *options)) if found is not None else None
    return number[0] if number is not None else "missing"


def _vcsim() -> str:
    go, binary = shutil.which("go") or "/usr/local/go/bin/go", ROOT / ".peers" / "bench" / "vcsim"
    if not binary.exists():
        return "missing"
    for line in _said(go, "version", "-m", str(binary)).splitlines():
        words = line.split()
        if words[0] in ("mod", "dep") and words[1].startswith("github.com/vmware/govmomi"):
            return words[2]
    return "of unknown version"


def _said(*command: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout or done.stderr).strip()
