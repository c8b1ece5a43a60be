"""From the bytes of a request to the bytes of a response: decision, volume, counts.

One object per process, used only by the event loop's thread. `answer` never blocks: if Redis is needed it
returns an awaitable. `Unready` means that there is no usable index to answer from.
"""

import time
from collections.abc import Awaitable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from portal.grants.dating import is_in_order
from portal.grants.relay_rules import RelayRule
from portal.institution import institution
from portal.policy_service import replies
from portal.policy_service.budgets import (
    NOTHING,
    BudgetUnknown,
    Caps,
    Load,
    LocalBuckets,
    LocalDays,
    Shared,
    over_day,
)
from portal.policy_service.decisions import PolicyOutcome, decide, is_inside
from portal.policy_service.index import Index, NoAddress, RuleMatch
from portal.policy_service.protocol import RELAY_CONTEXT, Malformed, PolicyRequest, parse
from portal.policy_service.replies import HeaderRefusal
from portal.policy_service.sessions import Accepted, Sessions
from portal.policy_service.tallies import Batch

REMEMBERED_MESSAGES = 20_000
_ACCEPTED, _REFUSED, _DEFERRED, _CHARGED, _PREPENDED = 1, 2, 4, 8, 16
"""Flags of a message; the bits above them hold the number of its counted recipients."""
_RECIPIENT = 32


class Case(NamedTuple):
    """One request of a client with a grant."""

    ask: PolicyRequest
    rule: RelayRule
    day: date
    at: float
    """Seconds since 1970."""
    key: str
    """The message: instance, client, grant; "" where Postfix gave no instance."""
    before: int
    """The stored flags of the message."""


class Messages:
    """Flags of the newest messages; the oldest are dropped many at a time, which is cheap."""

    def __init__(self) -> None:
        self._newer: dict[str, int] = {}
        self._older: dict[str, int] = {}

    def get(self, key: str) -> int:
        """The flags of a message; 0 where it is not known, as is one without a key."""
        return (self._newer.get(key) or self._older.get(key, 0)) if key else 0

    def put(self, key: str, flags: int) -> None:
        """Note the flags of a message."""
        if len(self._newer) >= REMEMBERED_MESSAGES:
            self._older, self._newer = self._newer, {}
        self._newer[key] = flags


class Today:
    """The day in the institution's zone, computed once for each day and not for each request."""

    def __init__(self) -> None:
        self._from = self._until = 0.0
        self._day = date.min

    def on(self, now: float) -> date:
        """The day at `now`, seconds since 1970."""
        if not self._from <= now < self._until:
            moment = timezone.localtime(datetime.fromtimestamp(now, UTC))
            midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
            self._day = moment.date()
            # Arithmetic of aware datetimes uses the wall clock, so this is the next midnight also on days of 23 hours.
            self._from, self._until = midnight.timestamp(), (midnight + timedelta(days=1)).timestamp()
        return self._day


class Unready(Exception):
    """There is no index, or it is too old while the database does not answer."""


class Answering:
    """The state of one policy service."""

    def __init__(self, *, max_age: float, shared: Shared | None) -> None:
        """`max_age`: seconds for which an index is good that the database did not confirm since."""
        self._index: Index | None = None
        self._as_of = 0.0
        self._max_age, self._shared = max_age, shared
        self._local, self._days = LocalBuckets(), LocalDays()
        self._ours = (institution().mail_domain,)
        self._messages = Messages()
        self._sessions = Sessions()
        self._today = Today()
        self._last_day: date | None = None
        self.batch = Batch()

    # ------------------------------------------------------------------ the index
    def install(self, index: Index, as_of: float) -> None:
        """Answer from `index` from now on."""
        self._index, self._as_of = index, as_of

    def begin_day(self, day: date, used: Mapping[int, Load]) -> None:
        """Continue from the recipients counted on `day` before; call it before the first `install`."""
        self._days.begin(day, used)

    def apply(self, changes: dict[int, RelayRule | None], as_of: float) -> None:
        """Change some rules, and note that the database confirmed the rest."""
        if self._index is not None:
            self._index.apply(changes)
            self._as_of = as_of

    def know_day(self, last: date | None) -> None:
        """Judge last days by `last`, the last day that was in order, while today's date is in doubt against it."""
        self._last_day = last

    def _trusted(self, day: date) -> date | None:
        last = self._last_day
        return None if last is None or last == day or is_in_order(day, last) else last

    @property
    def grant_ids(self) -> list[int]:
        """The grants in the index."""
        return self._index.grant_ids if self._index is not None else []

    @property
    def is_ready(self) -> bool:
        """Whether there is an index that is fresh enough."""
        return self._index is not None and time.monotonic() - self._as_of <= self._max_age

    # ------------------------------------------------------------------ answers
    def answer(self, block: bytes) -> bytes | Awaitable[bytes]:
        """The reply to the request `block`. Raises Malformed or Unready: then there is none."""
        ask = parse(block)
        if self._index is None or time.monotonic() - self._as_of > self._max_age:
            raise Unready
        now = time.time()
        day = self._today.on(now)
        try:
            decision = decide(self._index, ask, day, self._trusted(day))
        except NoAddress as error:
            raise Malformed(str(error)) from None
        rule = decision.rule
        if rule is None:
            return _reply(replies.reject(decision.say()) if decision.say else "DUNNO")
        key = f"{ask.instance} {ask.client} {rule.grant_id}" if ask.instance else ""
        before = self._messages.get(key)
        case = Case(ask, rule, day, now, key, before)
        if decision.say is not None:
            self._count(case, PolicyOutcome.REFUSED, _REFUSED)
            return _reply(replies.reject(decision.say()))
        if decision.is_recipient_open and not before & _ACCEPTED:
            return self._defer(case, f"{rule.reference}: the recipients are not known here.")
        return self._charge(case)

    def _charge(self, case: Case, load: Load | None = None) -> bytes | Awaitable[bytes]:
        rule, load = case.rule, self._load(case) if load is None else load
        per_hour = None if case.before & _CHARGED else rule.per_hour
        caps = Caps(per_hour, rule.per_day, rule.external_per_day)
        known = self._days.used(rule.grant_id, case.day)
        if over := over_day(known, load, caps):
            return self._over_day(case, over)
        if per_hour is not None and (wait := self._local.take(rule.grant_id, per_hour, time.monotonic())):
            return self._over(case, wait)
        self._days.add(rule.grant_id, case.day, load)
        is_limited = per_hour is not None or (load.recipients and caps[1:] != (None, None))
        if self._shared is not None and is_limited:
            return self._charge_shared(self._shared, case, load, caps, known)
        return self._accept(case, 0 if per_hour is None else _CHARGED, load)

    async def _charge_shared(self, shared: Shared, case: Case, load: Load, caps: Caps, known: Load) -> bytes:
        grant_id = case.rule.grant_id
        try:
            charge = await shared.charge(grant_id, case.day, load, caps, known)
        except BudgetUnknown:
            self._take_back(case, load, caps)
            return self._defer(case, replies.budget_unknown(case.rule))
        case = case._replace(before=self._messages.get(case.key))
        if charge.wait or charge.over:
            self._take_back(case, load, caps)
        self._days.learn(grant_id, case.day, charge.used)
        if charge.over:
            return self._over_day(case, charge.over)
        if charge.wait:
            return self._over(case, charge.wait)
        return self._accept(case, 0 if caps.per_hour is None else _CHARGED, load)

    def _take_back(self, case: Case, load: Load, caps: Caps) -> None:
        self._days.add(case.rule.grant_id, case.day, Load(-load.recipients, -load.external))
        if caps.per_hour is not None:
            self._local.give_back(case.rule.grant_id)

    def _load(self, case: Case) -> Load:
        """The recipients of this request that were not counted for the message before."""
        ask = case.ask
        if ask.state == "RCPT":
            return Load(1, 0 if is_inside(ask.recipient, self._ours) else 1)
        more = max((ask.recipients or 1) - case.before // _RECIPIENT, 0)
        # Of several recipients Postfix names none here: unknown ones count as external.
        return Load(more, 0 if is_inside(ask.recipient, self._ours) else more)

    def _over(self, case: Case, wait: float) -> bytes:
        return self._defer(case, replies.over_budget(case.rule, wait, timezone.now()))

    def _over_day(self, case: Case, over: str) -> bytes:
        return self._defer(case, replies.over_day(case.rule, over, case.day))

    def _defer(self, case: Case, text: str) -> bytes:
        self._count(case, PolicyOutcome.DEFERRED, _DEFERRED)
        # Where reject_unauth_destination follows, DEFER_IF_PERMIT would become its lasting refusal.
        verb = "DEFER" if case.ask.context == RELAY_CONTEXT else "DEFER_IF_PERMIT"
        return _reply(f"{verb} 4.7.1 {replies.safe(text)}")

    def _accept(self, case: Case, noted: int, load: Load) -> bytes:
        state, before = case.ask.state, case.before
        noted |= (before // _RECIPIENT + load.recipients) * _RECIPIENT
        case = case._replace(before=before % _RECIPIENT)
        if state == "RCPT" and case.ask.context == RELAY_CONTEXT:
            self._count(case, PolicyOutcome.ACCEPTED, _ACCEPTED, noted, load)
            return b"action=OK\n\n"  # PREPEND permits nothing: the header comes at DATA.
        self._count(case, PolicyOutcome.ACCEPTED, _ACCEPTED, noted | _PREPENDED, load)
        if state == "END-OF-MESSAGE" or before & _PREPENDED:
            return b"action=DUNNO\n\n"  # Too late for a header, or the message has its one.
        return _reply(replies.prepend(case.rule))

    # ------------------------------------------------------------------ one message, several asks
    def _count(
        self, case: Case, outcome: PolicyOutcome, flag: int, noted: int = 0, load: Load = NOTHING
    ) -> None:
        """Count the outcome, `flag`, once for a message, and the recipients of `load`; also note `noted`.

        Without an instance there is nothing to know a message by, and every ask counts.
        """
        if case.key:
            self._messages.put(case.key, case.before | flag | noted)
        if not case.before & flag:
            self.batch.count(case.rule.grant_id, case.day, case.ask.sender, outcome, case.at)
            if flag == _ACCEPTED and case.ask.port:
                note = Accepted(case.key, case.rule.grant_id, case.day, case.ask.sender)
                self._sessions.put(case.ask.client, case.ask.port, note)
        if load.recipients:
            self.batch.count_recipients(case.rule.grant_id, case.day, load.recipients, load.external)

    # ------------------------------------------------------------------ the same message, seen by the milter
    def about(self, client: str) -> tuple[RuleMatch | None, date]:
        """The rules for the client's address, and today. Raises Unready, and Malformed where it is no address."""
        if self._index is None or not self.is_ready:
            raise Unready
        day = self._today.on(time.time())
        try:
            return self._index.find(client, day, self._trusted(day)), day
        except NoAddress as error:
            raise Malformed(str(error)) from None

    def holders(self, sender: str, day: date) -> tuple[str, ...]:
        """The grants in force on `day` that may send as `sender`, at most three."""
        return self._index.holders(sender, day, self._trusted(day)) if self._index is not None else ()

    def accepted_before(self, ask: PolicyRequest, rule: RelayRule) -> tuple[Accepted | None, bool]:
        """What the policy protocol accepted for this message, and whether it added the header."""
        accepted = self._sessions.take(ask.client, ask.port)
        if accepted is None or accepted.grant_id != rule.grant_id:
            return None, False
        return accepted, bool(self._messages.get(accepted.key) & _PREPENDED)

    def settle(
        self, ask: PolicyRequest, rule: RelayRule, day: date, recipients: Sequence[str]
    ) -> bytes | Awaitable[bytes]:
        """The action for a message without a policy request: charge its volume and count it."""
        key = f"{ask.instance} {ask.client} {rule.grant_id}"
        ask = ask._replace(port="")  # Stored for its session it would be mistaken for the next message.
        external = sum(not is_inside(address.lower(), self._ours) for address in recipients)
        load = Load(len(recipients), external) if recipients else Load(1, 1)
        return self._charge(Case(ask, rule, day, time.time(), key, self._messages.get(key)), load)

    def count_author(self, rule: RelayRule, author: str) -> None:
        """A message passed that shows `author` in From."""
        self.batch.count_author(rule.grant_id, author, PolicyOutcome.ACCEPTED, time.time())

    def refuse(
        self, rule: RelayRule, day: date, accepted: Accepted | None, refusal: HeaderRefusal | None
    ) -> None:
        """Count a message that the milter refuses, for its header or (None) for another reason, and once in all."""
        now = time.time()
        if accepted is not None:
            self.batch.take_back(accepted.grant_id, accepted.day, accepted.sender)
        self.batch.count_refused(rule.grant_id, day, now)
        if refusal is not None:
            self.batch.count_author(rule.grant_id, refusal.found, PolicyOutcome.REFUSED, now)


def _reply(action: str) -> bytes:
    return f"action={action}\n\n".encode("ascii")
