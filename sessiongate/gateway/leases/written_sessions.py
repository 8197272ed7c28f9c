"""A session at an upstream as what is sealed of it in the row of its lease, and back."""

from sessiongate.gateway.credentials.sealing import Credentials
from sessiongate.secret import Secret
from sessiongate.wire.automation.client import RestSession
from sessiongate.wire.vim.client import UpstreamSession, UserSession, WireForm
from sessiongate.wire.zerto_client import ZVM_FORMS, ZvmSession, read_session, write_times


def credentials_of(opened: UpstreamSession, server: str) -> Credentials:
    """What a session at this server is used by."""
    form, key = opened.form.value, Secret(opened.user.key)
    rest = opened.rest or RestSession("", Secret(""))
    renewal = opened.renewal if isinstance(opened, ZvmSession) else None
    told = (form, key, opened.token, rest.path, rest.token, server)
    if renewal is None:
        return Credentials(*told)
    return Credentials(*told, renewal.refresh, write_times(renewal))


def session_of(credentials: Credentials) -> UpstreamSession:
    """The session that these are of. Raises ValueError for what nobody has written so."""
    if credentials.form in ZVM_FORMS:
        return read_session(
            credentials.form, credentials.token, credentials.refresh, credentials.times
        )
    user = UserSession(credentials.key.reveal(), "", "", "")
    path = credentials.rest_path
    rest = RestSession(path, credentials.rest_token) if path else None
    return UpstreamSession(WireForm(credentials.form), credentials.token, user, rest)
