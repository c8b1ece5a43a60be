"""The message of each SMTP session that the policy protocol accepted last, so that the milter does not count it
again. The two protocols have no common id of a message before its queue id is known; a client's address and
port identify the session, and a session has one message at a time.
"""

from datetime import date
from typing import NamedTuple

REMEMBERED_SESSIONS = 20_000


class Accepted(NamedTuple):
    """One message that was counted as accepted."""

    key: str
    grant_id: int
    day: date
    """The day and the envelope sender that it was counted for."""
    sender: str


class Sessions:
    """The accepted messages of the newest sessions; the oldest are forgotten many at a time."""

    def __init__(self) -> None:
        self._newer: dict[tuple[str, str], Accepted] = {}
        self._older: dict[tuple[str, str], Accepted] = {}

    def put(self, client: str, port: str, accepted: Accepted) -> None:
        """Note the message that the session is at."""
        if len(self._newer) >= REMEMBERED_SESSIONS:
            self._older, self._newer = self._newer, {}
        self._newer[client, port] = accepted

    def take(self, client: str, port: str) -> Accepted | None:
        """The message that the session is at, once; None where none was accepted."""
        older = self._older.pop((client, port), None)
        return self._newer.pop((client, port), older)
