"""The settings of the dialects: which provider each of them asks."""

from pydantic import Field

from sessiongate.config.kinds import PositiveDuration, SecretText, Table, Text, YesNo, setting


class ZertoDialect(Table):
    """Which provider checks Zerto logins."""

    windows: Text = setting("local", "Identity table for AuthenticationMethod 0 (Windows).")
    hypervisor: Text = setting("local", "Identity table for AuthenticationMethod 1 (hypervisor).")


class ApplianceClient(Table):
    """A program that logs in to the appliance dialect by its own secret."""

    secret: SecretText = Field(description="The client's secret. secret_file names its file.")
    role: Text = Field(description="Role of the client's sessions.")


class ApplianceDialect(Table):
    """Logins of the Zerto appliance: OpenID Connect below /auth/realms/zerto."""

    provider: Text | None = setting(
        None, "Identity table that checks users. Unset: that of dialects.zerto.windows."
    )
    access_token: PositiveDuration = setting(
        "60s", "How long an access token is good for. Clients that never refresh want more."
    )
    clients: dict[str, ApplianceClient] = Field(
        default={},
        description="Each table is one client with a secret of its own, beside zerto-client.",
    )


class VsphereDialect(Table):
    """Which provider checks vSphere logins."""

    default: Text = setting("local", "Identity table for names whose domain no provider claims.")
    local_tickets: YesNo = setting(
        False,
        "Answer AcquireLocalTicket. Its callers, on this host and not logged in, learn which "
        "names there are and where data_dir is; a proxy that server.trusted_proxies does not name "
        "and that says nothing of its clients makes local callers of them all.",
    )


class Dialects(Table):
    """Which provider each dialect asks."""

    zerto: ZertoDialect = Field(default_factory=ZertoDialect, description="The Zerto dialect.")
    appliance: ApplianceDialect = Field(
        default_factory=ApplianceDialect, description="The Zerto appliance's dialect."
    )
    vsphere: VsphereDialect = Field(
        default_factory=VsphereDialect, description="The vSphere dialects."
    )

    @property
    def openid_users(self) -> str:
        """The provider of people who come by OpenID Connect."""
        return self.appliance.provider or self.zerto.windows
