"""The client sessions that leases of their accounts are kept for."""

from sessiongate.session import Person, Session


class SessionsOfAccounts:
    """By their keys, and by whose they are."""

    def __init__(self) -> None:
        self._persons: dict[str, Person] = {}
        self._keys: dict[Person, set[str]] = {}

    def __contains__(self, person: Person) -> bool:
        return person in self._keys

    def opened(self, session: Session) -> None:
        """It lives."""
        person = self._persons[session.key] = Person(session.provider, session.principal)
        self._keys.setdefault(person, set()).add(session.key)

    def ended(self, key: str) -> None:
        """It is over. No error where it is none of these."""
        person = self._persons.pop(key, None)
        if person is not None:
            self._keys[person].discard(key)
            if not self._keys[person]:
                del self._keys[person]

    def keys(self) -> list[str]:
        """All of them."""
        return list(self._persons)

    def by_person(self) -> list[tuple[Person, list[str]]]:
        """All of them, by whose they are."""
        return [(person, list(keys)) for person, keys in self._keys.items()]
