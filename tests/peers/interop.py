"""What real clients were run against us, and what came of it: the table of docs/interop.md.

A test marked `interop("key")` exercises the row of that key in `EXERCISES`. A run with
`--write-interop` writes the table anew: a row has passed when every test of its key passed.
"""

import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.tables import table
from tests.peers.setup import (
    ANSIBLE,
    CHECKVSPHERE,
    CLOUD_PROVIDER,
    GOVMOMI,
    KEYCLOAK,
    LIBCLOUD,
    NODE_SOAP,
    NODE_VSPHERE_SOAP,
    OSLO_VMWARE,
    PYVMOMI,
    SUDS,
    TELEGRAF,
    TERRAFORM_PROVIDER,
    VCF_SDK,
    VCONNECTOR,
    VIJAVA,
    YAVIJAVA,
    ZEEP,
    ZVMA,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "interop.md"
BEGIN = "<!-- made: clients (`make interop` writes it) -->"
END = "<!-- end of clients -->"
HEAD = ("Client", "Version", "Wire", "Exercised", "Result")

# The pyVmomi that take `token=`; older ones know Windows tokens only.
TOKENS = ("9.1.1.0", "8.0.3.0.1")

PASSED, FAILED, MISSING = "passed", "failed", "not run"


@dataclass(frozen=True)
class Exercise:
    """One row: a client, and what the tests do with it."""

    client: str
    version: Callable[[], str]
    wire: str
    what: str


def _fixed(version: str) -> Callable[[], str]:
    return lambda: version


def _told(program: str, *arguments: str) -> Callable[[], str]:
    """The version that a program of this machine tells of itself, or "" without one."""

    def version() -> str:
        if shutil.which(program) is None:
            return ""
        told = subprocess.run((program, *arguments), capture_output=True, text=True, check=False)
        found = re.search(r"\d+(\.\d+)+", told.stdout)
        return found[0] if found else ""

    return version


_WHOLE_LIFE = (
    "login, properties, locale, message, second login, clone tickets, terminate, service and "
    "local tickets, logout, login again; every refusal on the way"
)
_EMPTY = (
    "; an empty vCenter: every property of every object, a container view, a retrieve over it, "
    "updates, events, roles"
)
_LOOKS = (
    "; ls, find, tree, role.ls, permissions.ls, events, tasks, license.ls, option.ls, alarms, "
    "object.collect and others on an empty vCenter"
)
_GOVC = "about, session.ls, session.rm, session.login with cache, cookie and clone ticket, logout"

_BY_WSDL = "client built, login, properties, time, logout; refusals"

_BY_NODE = "client built, login, content, time, a view and a retrieve over it, logout; refusals"

_BY_JAVA = (
    "login, time, root folder, its children, an inventory search, a container view, a filter and "
    "its updates, tasks, counters, events, logout; refusals. What is empty they give as `null`"
)

EXERCISES: Mapping[str, Exercise] = {
    **{
        f"pyvmomi-{version}": Exercise(
            "pyVmomi",
            _fixed(version),
            "SOAP",
            # The older two have no `sessionId=`.
            _WHOLE_LIFE + ("; `sessionId=`" if version[0] in "89" else "") + _EMPTY,
        )
        for version in PYVMOMI
    },
    **{
        f"pyvmomi-token-{version}": Exercise(
            "pyVmomi, by token",
            _fixed(version),
            "SOAP",
            "`tokenType` saml and oauth-bearer; an assertion a second time",
        )
        for version in TOKENS
    },
    "govc-token": Exercise(
        "govc, by token",
        _fixed(GOVMOMI),
        "SOAP",
        "session.login -token with an assertion, and a second time",
    ),
    "govmomi-soap": Exercise("govmomi", _fixed(GOVMOMI), "SOAP", _WHOLE_LIFE),
    "govmomi-json": Exercise("govmomi", _fixed(GOVMOMI), "VI/JSON", _WHOLE_LIFE),
    "govmomi-rest": Exercise(
        "govmomi, REST client",
        _fixed(GOVMOMI),
        "`/rest`, `/api`",
        "login, session, categories, a SOAP session used and ended, logout, keepalive handler, "
        "refusals",
    ),
    "govmomi-look": Exercise(
        "govmomi, finder, views, performance, events",
        _fixed(GOVMOMI),
        "SOAP",
        "an empty vCenter: datacenters, children, paths, a container view, counters, roles, events",
    ),
    "govc-soap": Exercise("govc", _fixed(GOVMOMI), "SOAP", _GOVC + _LOOKS),
    "govc-json": Exercise(
        "govc", _fixed(GOVMOMI), "VI/JSON", "about, session.ls, session.rm" + _LOOKS
    ),
    "govc-rest": Exercise(
        "govc, `-r`", _fixed(GOVMOMI), "`/rest`, `/api`", "session.login with cache and cookie"
    ),
    "govc-gateway": Exercise(
        "govc, through a gateway",
        _fixed(GOVMOMI),
        "SOAP, `/rest`",
        "about; categories, tags and a tag attached; a library, before the simulator",
    ),
    "govc-services": Exercise(
        "govc, through a gateway",
        _fixed(GOVMOMI),
        "SOAP, `/pbm`, `/vsanHealth`",
        "storage policies listed, made, removed; volumes listed, before the simulator",
    ),
    "vcf-sdk": Exercise(
        "VCF SDK, `create_vsphere_client`",
        _fixed(VCF_SDK),
        "vAPI JSON-RPC",
        "login, get, `session_id=` with sessions of its own and of other dialects, its session in "
        "pyVmomi, empty lists and tags, version, logout by destruction and by `with`, refusals",
    ),
    "vcf-gateway": Exercise(
        "VCF SDK, through a gateway",
        _fixed(VCF_SDK),
        "vAPI JSON-RPC",
        "the same before another server of ours",
    ),
    **{
        key: Exercise(client, _fixed(version), "SOAP, by our WSDL", what)
        for key, client, version, what in (
            ("zeep", "zeep", ZEEP, _BY_WSDL),
            ("suds", "suds-community", SUDS, _BY_WSDL),
            ("oslo", "oslo.vmware", OSLO_VMWARE, "login, session active, time, logout, refusal"),
            ("node-soap", "soap (npm)", NODE_SOAP, _BY_NODE),
            ("node-vsphere-soap", "node-vsphere-soap", NODE_VSPHERE_SOAP, _BY_NODE),
        )
    },
    "libcloud": Exercise(
        "libcloud, vSphere driver",
        _fixed(LIBCLOUD),
        "SOAP",
        "login, nodes, locations, images, networks, folders, datastores, all empty; refusal",
    ),
    "libcloud-rest": Exercise(
        "libcloud, vSphere REST driver",
        _fixed(LIBCLOUD),
        "`/rest`",
        "login, nodes, hosts, clusters, datacenters, datastores, networks, folders, all empty; a "
        "new login when its session is over; refusal. Its images are asked for at port 443 alone",
    ),
    "checkvsphere": Exercise(
        "checkvsphere",
        _fixed(CHECKVSPHERE),
        "SOAP, `/rest`",
        "about, list-metrics, power-state, media, vm-tools, host-runtime, zerto-tag, a kept "
        "session; refusal. Its datastores ends in pyVmomi, which sends no list that is empty",
    ),
    "ansible": Exercise(
        "Ansible: community.vmware, vmware.vmware, vmware.vmware_rest",
        _fixed(ANSIBLE),
        "SOAP, `/api`, vAPI JSON-RPC",
        "modules of about, datacenters, machines, guests, tags, categories, datastores, resource "
        "pools, switches, licenses, content libraries, storage policies, all empty; "
        "appliance_info's summary, access, firewall, services, syslog; vmware_guest_info, "
        'vmware_cluster_info, vmware_host_dns_info end with their own "not found"; refusal',
    ),
    "vconnector": Exercise(
        "vconnector",
        _fixed(VCONNECTOR),
        "SOAP",
        "login, views of every kind and retrieves over them, counters, reconnect, logout; refusal",
    ),
    "govmomi-pbm": Exercise(
        "govmomi, storage policies",
        _fixed(GOVMOMI),
        "SOAP at `/pbm`",
        "content, profiles, resource types, refusals",
    ),
    "zvma10": Exercise(
        "zvma10-api-wrapper",
        _fixed(ZVMA),
        "Zerto's appliance",
        "token, local site, empty lists, its thread that renews the token",
    ),
    "curl": Exercise(
        "curl",
        _told("curl", "--version"),
        "`/api`, `/rest`",
        "login, look, logout in every form, cookie jar, refusals",
    ),
    "rbvmomi": Exercise(
        "rbvmomi",
        _told("ruby", "-W0", "-e", "puts Gem::Specification.find_by_name('rbvmomi').version"),
        "SOAP",
        "login, properties, inventory, a container view, updates, counters, logout; refusals",
    ),
    "php": Exercise(
        "PHP's SoapClient",
        _told("php", "--version"),
        "SOAP, by our WSDL",
        "client built, login, properties, time, logout; refusals",
    ),
    "perl": Exercise(
        "SOAP::Lite for Perl",
        _told("perl", "-MSOAP::Lite", "-e", "print $SOAP::Lite::VERSION"),
        "SOAP, by our WSDL",
        "client built, login, properties, time, logout; refusals. Methods by `call`: its own "
        "stubs send the namespace of the outermost WSDL, which is none of vSphere's",
    ),
    **{
        key: Exercise(key, _fixed(version), "SOAP", _BY_JAVA)
        for key, version in (("yavijava", YAVIJAVA), ("vijava", VIJAVA))
    },
    "cloud-provider": Exercise(
        "cloud-provider-vsphere (CPI), its own packages",
        _fixed(CLOUD_PROVIDER),
        "session manager, SOAP, `/rest`",
        "a login without name and password, the Secret, a ticket, CloneSession, its session in "
        "`/rest`, a new ticket after its end; before another server of ours, and the simulator",
    ),
    "telegraf": Exercise(
        "telegraf, vsphere input",
        _fixed(TELEGRAF),
        "SOAP",
        "started, one round of gathering, stopped: no metric and no error; refusal",
    ),
    "terraform": Exercise(
        "Terraform, vsphere provider",
        _fixed(TERRAFORM_PROVIDER),
        "SOAP, also at `/pbm`; `/rest`",
        "provider configured; data sources of datacenter, folder, role, custom attribute, storage "
        'policy, tag category and content library, each of which ends with its own "not found"; '
        "refusal",
    ),
    "fence-soap": Exercise(
        "fence_vmware_soap",
        _told("fence_vmware_soap", "--version"),
        "SOAP, by our WSDL",
        "login, a view, a retrieve; ends with an error of its own, as on any vCenter without "
        "machines; refusal",
    ),
    "fence-rest": Exercise(
        "fence_vmware_rest, certificate not verified",
        _told("fence_vmware_rest", "--version"),
        "`/rest`",
        "list, status of a machine that is not there; refusal",
    ),
    "terraform-gateway": Exercise(
        "Terraform, vsphere provider, through a gateway",
        _fixed(TERRAFORM_PROVIDER),
        "SOAP, also at `/pbm`; `/rest`",
        "apply, plan, destroy: a folder, an attribute, a tag and its category; data sources of a "
        "datacenter, datastore, cluster, network, machine; the same as without one, before the "
        "simulator",
    ),
    "ansible-gateway": Exercise(
        "Ansible: community.vmware, vmware.vmware, through a gateway",
        _fixed(ANSIBLE),
        "SOAP",
        "modules of about, datacenters, machines, datastores, resource pools, a folder made, and "
        "again, a machine's power; the same as without one, before the simulator",
    ),
    "telegraf-gateway": Exercise(
        "telegraf, vsphere input, through a gateway",
        _fixed(TELEGRAF),
        "SOAP",
        "one round of gathering: as many metrics as without one, and no error, before the "
        "simulator",
    ),
    "keycloak": Exercise(
        "Keycloak, told a client's story beside us, and before the bridge",
        _fixed(KEYCLOAK),
        "OpenID Connect",
        "tokens of a user and of a client, refresh, userinfo, logout, every refusal: the same; its "
        "tokens renewed for scripts of the classic API",
    ),
    "dotnet": Exercise(
        "HttpWebRequest under Mono, certificate by its fingerprint",
        _told("mono", "--version"),
        "Zerto",
        "login at once and when challenged, machines in JSON and XML, logout, and again",
    ),
    "vcsim": Exercise(
        "vcsim, told pyVmomi's story beside us",
        _fixed(GOVMOMI),
        "SOAP",
        "every answer the same but for the differences listed below",
    ),
    "vcsim-rest": Exercise(
        "vcsim, told the REST client's story beside us",
        _fixed(GOVMOMI),
        "`/rest`",
        "every answer the same but for the differences listed below",
    ),
}
"""Every row of the table, by the key that tests are marked with."""


def key_of(item: pytest.Item) -> str | None:
    """The key of the row that a test belongs to."""
    mark = item.get_closest_marker("interop")
    if mark is None:
        return None
    key = str(mark.args[0])
    if key not in EXERCISES:
        raise pytest.UsageError(f"{item.nodeid}: no row {key!r} in tests/peers/interop.py")
    return key


def clients_table(results: Mapping[str, str]) -> str:
    """The table, with the result of each key."""
    rows = [
        (one.client, one.version() or "-", one.wire, one.what, results.get(key, MISSING))
        for key, one in EXERCISES.items()
    ]
    return table(HEAD, rows)


def with_table(page: str, made: str) -> str:
    """The page with this table between its marks."""
    marked = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    return marked.sub(lambda _: f"{BEGIN}\n\n{made}\n\n{END}", page)


class Recorder:
    """Remembers what came of each marked test of a run, and writes the table at its end."""

    def __init__(self, *, page: Path) -> None:
        self._page = page
        self._keys: dict[str, str] = {}
        self._results: dict[str, set[str]] = defaultdict(set)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Learn which test belongs to which row."""
        self._keys = {item.nodeid: key for item in items if (key := key_of(item)) is not None}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the result of a marked test; a failing set-up is a failure too."""
        key = self._keys.get(report.nodeid)
        if key is None:
            return
        if report.failed:
            self._results[key].add(FAILED)
        elif report.skipped:
            self._results[key].add(MISSING)
        elif report.when == "call":
            self._results[key].add(PASSED)

    def results(self) -> dict[str, str]:
        """The result of each row: the worst of its tests'."""
        return {
            key: next(one for one in (FAILED, MISSING, PASSED) if one in found)
            for key, found in self._results.items()
        }

    def pytest_sessionfinish(self) -> None:
        """Write the page, unless the run broke off before it saw anything."""
        if not self._results:
            return
        page = self._page.read_text(encoding="utf-8")
        self._page.write_text(with_table(page, clients_table(self.results())), encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that makes a run write the table."""
    parser.addoption(
        "--write-interop", action="store_true", help="write the table of docs/interop.md"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Know the mark; record where it was asked for."""
    config.addinivalue_line("markers", "interop(key): exercises a row of docs/interop.md")
    if config.getoption("--write-interop"):
        config.pluginmanager.register(Recorder(page=PAGE))
