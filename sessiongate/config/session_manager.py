"""The settings of the session manager for Kubernetes' vSphere drivers, and the rules between them.

Its clients say who they are by a token alone, so that each token says where its tickets are for.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field, PlainValidator, WithJsonSchema

from sessiongate.config.kinds import (
    FilePath,
    FilePaths,
    HttpsUrl,
    PositiveDuration,
    Table,
    Texts,
    setting,
)
from sessiongate.config.upstreams import Upstream
from sessiongate.rules.pace import Rate
from sessiongate.tls.trust import ca_problem

LEAST_SIZE = 2
"""Sessions of an account that has one for clone tickets: that one, and one for forwarded calls."""

SUBJECTS = (
    "system:serviceaccount:vmware-system-csi:vsphere-csi-controller",
    "system:serviceaccount:kube-system:cloud-controller-manager",
)
"""The accounts that the drivers' own manifests give them."""

RENEWED = timedelta(hours=24)
"""The age at which Kubernetes renews a token at the latest that a pod has by itself."""

NAME = re.compile(r"(?=.{1,63}\Z)[A-Za-z0-9](?:_?[A-Za-z0-9-])*")
"""What a client may be called."""

NAME_RULE = "names are up to 63 letters and digits, with - or single _ between"

_MOST_FILES = 16

_RATE = re.compile(r"([0-9]{1,6}) ?/ ?([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def rate(value: object) -> Rate:
    """Read `60/m`: so many in a second, a minute or an hour."""
    rule = 'must be a number in a second, a minute or an hour, such as "60/m"'
    found = _RATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if isinstance(value, Rate):
        return value
    if found is None or not int(found[1]):
        raise ValueError(rule)
    return Rate(int(found[1]), _SECONDS[found[2]])


AskedFor = Annotated[
    Rate, PlainValidator(rate), WithJsonSchema({"type": "string", "examples": ["60/m"]})
]


class ManagerClient(Table):
    """A client whose tokens stand in files."""

    upstreams: Texts = Field(
        description='Tables of upstreams that it gets clone tickets of, such as ["vc1"].'
    )
    token_files: FilePaths = Field(
        description="Files with its tokens, each alone in its file and beginning with sgm_. All of "
        "them are good, so that a new one can be given out before the old one goes; a change is "
        "noticed within ten seconds, and one that is missing or empty is no token."
    )


class ManagerCluster(Table):
    """A Kubernetes cluster whose service accounts' tokens are believed."""

    upstreams: Texts = Field(
        description='Tables of upstreams that its accounts get clone tickets of, such as ["vc1"].'
    )
    jwks_file: FilePath | None = setting(
        None,
        "File with the keys that the cluster signs with: what `kubectl get --raw "
        "/openid/v1/jwks` prints. By them a token is known to be of this cluster, and not by its "
        "issuer, which many clusters share.",
    )
    jwks_url: HttpsUrl | None = setting(
        None, "Address of those keys, where it can be read without a login. Or jwks_file."
    )
    ca: FilePath | None = setting(
        None, "PEM file of the CA of jwks_url's server. Unset: the system's CAs."
    )
    audience: Texts = Field(
        description="For whom its tokens are: the API server's own audience, such as "
        '["https://kubernetes.default.svc.cluster.local"]. One of these has to be in a token.'
    )
    subjects: Texts = setting(
        list(SUBJECTS), "Service accounts that get tickets, as system:serviceaccount:SPACE:NAME."
    )
    max_age: PositiveDuration = setting(
        "25h",
        "How old a token may be, whenever it expires: those of pods say a year. Kubernetes renews "
        "them after a day at the latest.",
    )


class ManagerTable(Table):
    """Clone tickets for Kubernetes' vSphere drivers, at /session-manager/UPSTREAM."""

    rate: AskedFor = setting(
        "60/m", "How many tickets one client may ask for; beyond, it is told to come back (429)."
    )
    clients: dict[str, ManagerClient] = Field(
        default={},
        description="Each table is one client with tokens in files, under a name of your choice. "
        "Further ones: `sessiongate tokens create`.",
    )
    clusters: dict[str, ManagerCluster] = Field(
        default={},
        description="Each table is one cluster, under a name of your choice.",
    )


def problems(manager: ManagerTable, upstreams: Mapping[str, Upstream]) -> Iterator[tuple[str, str]]:
    """Say (setting, rule and way out) of everything that does not go together."""
    tables: dict[str, ManagerClient | ManagerCluster] = {
        **{f"clients.{name}": one for name, one in manager.clients.items()},
        **{f"clusters.{name}": one for name, one in manager.clusters.items()},
    }
    for name, table in tables.items():
        at = f"session_manager.{name}"
        if not NAME.fullmatch(name.partition(".")[2]):
            yield at, f"is called otherwise than anything may be: {NAME_RULE}"
        if not table.upstreams:
            yield f"{at}.upstreams", "must name one at least"
        for upstream in table.upstreams:
            if wrong := no_tickets_of(upstream, upstreams):
                yield f"{at}.upstreams", wrong
    for name, client in manager.clients.items():
        at = f"session_manager.clients.{name}.token_files"
        if not 0 < len(client.token_files) <= _MOST_FILES:
            yield at, f"must name a file at least, and {_MOST_FILES} at most"
    for name, cluster in manager.clusters.items():
        for place, rule in _of_cluster(cluster):
            yield f"session_manager.clusters.{name}.{place}", rule


def no_tickets_of(name: str, upstreams: Mapping[str, Upstream]) -> str:
    """Why there are no clone tickets of this upstream, with the way out; "" where there are."""
    upstream = upstreams.get(name)
    if upstream is None:
        there = ", ".join(sorted(upstreams)) or "none"
        return f"must name tables of upstreams; there is no {name!r}, there are: {there}"
    if upstream.type != "vcenter":
        return f"names {name}, which is no vCenter: no other upstream has clone tickets"
    if upstream.account != "service":
        return f'names {name}, which has no account of its own: give it account = "service"'
    if upstream.size < LEAST_SIZE:
        return (
            f"names {name}, whose size is {upstream.size}: one session there is for clone tickets"
            f" alone; make upstream.{name}.size {LEAST_SIZE} at least"
        )
    return ""


def _of_cluster(cluster: ManagerCluster) -> Iterator[tuple[str, str]]:
    if (cluster.jwks_url is None) == (cluster.jwks_file is None):
        yield "jwks_file", "or jwks_url is required, and not both: a token is known by its key"
    if cluster.ca is not None:
        if cluster.jwks_url is None:
            yield "ca", "is about jwks_url; leave it out"
        elif wrong := ca_problem(Path(cluster.ca)):
            yield "ca", wrong
    if not cluster.audience:
        yield "audience", "must name one at least: tokens for anybody else are not for us"
    if not cluster.subjects:
        yield "subjects", "must name one at least; leave it out for the drivers' own accounts"
    if cluster.max_age < RENEWED:
        yield (
            "max_age",
            "must not be under 24h: tokens of pods are renewed no sooner than at that age",
        )
