"""What is asked for again before something that many would feel: the password, and the number."""

from sessiongate.errors import BadCredentials, LockedOut, NoPermission, Unavailable
from sessiongate.operations.console.page import Visit
from sessiongate.operations.console.parts import ConsoleParts
from sessiongate.secret import Secret
from sessiongate.session import Person

MANY = 20
"""More than so many within a minute take a step up; so does all that fits a filter."""


def takes_a_step(parts: ConsoleParts, visit: Visit, affected: int) -> bool:
    """Whether so many more are many, with those that the visitor has ended a moment ago."""
    lately = 0 if visit.is_script else parts.ends.lately(visit.session.key, visit.now)
    return affected + lately > MANY


async def objection_to_step(parts: ConsoleParts, visit: Visit, affected: int) -> str:
    """Why the form's `password` and `count` do not do, as a sentence; "" where they do.

    A wrong password counts as any other does. Of a script the number alone is asked. Raises
    Unavailable.
    """
    if visit.form.first("count") != str(affected):
        what = "`count` has to be" if visit.is_script else "type"
        return f"{affected} would be affected: {what} that number."
    if visit.is_script:  # it has shown its token with this very request
        return ""
    return await objection_to_password(parts, visit)


async def objection_to_password(parts: ConsoleParts, visit: Visit) -> str:
    """Why the form's `password` does not do; "" where it is the visitor's own."""
    if visit.is_script:
        return "This takes a person's password, and a token has none."
    given = Secret(visit.form.exact("password"))
    session = visit.session
    try:
        found = await parts.logins.verify_credentials(
            session.login_name, given, visit.client, provider=session.provider
        )
    except Unavailable:
        raise
    except (BadCredentials, LockedOut, NoPermission):
        return "This is not your password."
    if found.person != Person(session.provider, session.principal):
        return "This is not your password."
    return ""
