"""Passwords at the command line: from standard input, typed twice, or made up."""

import secrets
import sys

from sessiongate.cli.output import Exit, fail
from sessiongate.cli.prompts import hidden
from sessiongate.cli.text import line_of_stdin
from sessiongate.rules.passwords import problem_with, rule_of
from sessiongate.secret import Secret

# 24 letters of 64: more random bits than the hash that will hold it can be searched for.
_BYTES = 18


def random_password(least: int = 0) -> str:
    """A new password of so many letters at least, and of 24 in any case."""
    return secrets.token_urlsafe(max(_BYTES, -(-least * 3 // 4)))


def read_new_password(from_stdin: bool, name: str, least: int) -> Secret:
    """The first line of standard input, or what is typed twice at a terminal.

    `least` is the number of characters that it must have: a person is told before typing, and
    need not type twice what may not be set.
    """
    if from_stdin:
        return Secret(line_of_stdin("password"))
    if not sys.stdin.isatty():
        fail(
            Exit.SETTINGS,
            "give the password on standard input, with --password-stdin, or have one made up, with"
            " --generate",
        )
    print(rule_of(least), file=sys.stderr)
    while True:
        typed = hidden(f"Password of {name}")
        if problem := problem_with(typed, name, least):
            fail(Exit.REFUSED, f"password: {problem}")
        if hidden("Repeat for confirmation") == typed:
            return Secret(typed)
        print("These two are not the same. Type both again.", file=sys.stderr)
