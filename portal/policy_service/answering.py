"""From the bytes of a request to the bytes of an answer: decision, volume, counts.

One object per process, used by the event loop's thread alone. `answer` never blocks: where Redis has to be
asked it returns an awaitable. `Unready` means that nothing is known well enough to answer.
"""

import time
from collections.abc import Awaitable
from datetime import date

from django.utils import timezone

from portal.grants.relay_rules import RelayRule
from portal.policy_service import replies
from portal.policy_service.budgets import BudgetUnknown, LocalBuckets, Shared
from portal.policy_service.decisions import Decision, Outcome, decide
from portal.policy_service.index import Index, NoAddress
from portal.policy_service.protocol import RELAY_CONTEXT, Ask, Malformed, parse
from portal.policy_service.tallies import Batch

REMEMBERED_MESSAGES = 20_000
_CHARGED, _PREPENDED = 64, 128
_COUNTED = {Outcome.ACCEPTED: 1, Outcome.REFUSED: 2, Outcome.DEFERRED: 4}
Key = tuple[str, str, int]


class Unready(Exception):
    """No index, or one that is too old while the database does not answer."""


class Answering:
    """The state of one policy service."""

    def __init__(self, *, max_age: float, shared: Shared | None) -> None:
        """`max_age`: seconds for which an index is good that the database did not confirm since."""
        self._index: Index | None = None
        self._as_of = 0.0
        self._max_age, self._shared = max_age, shared
        self._local = LocalBuckets()
        self._messages: dict[Key, int] = {}
        self.batch = Batch()

    # ------------------------------------------------------------------ the index
    def install(self, index: Index, as_of: float) -> None:
        """Answer from `index` from now on."""
        self._index, self._as_of = index, as_of

    def apply(self, changes: dict[int, RelayRule | None], as_of: float) -> None:
        """Change some rules, and note that the database confirmed the rest."""
        if self._index is not None:
            self._index.apply(changes)
            self._as_of = as_of

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
        day = timezone.localdate()
        try:
            decision = decide(self._index, ask, day)
        except NoAddress as error:
            raise Malformed(str(error)) from None
        rule = decision.rule
        if decision.outcome is Outcome.SILENT:
            return _reply("DUNNO")
        if decision.outcome is Outcome.REFUSED:
            assert decision.say is not None
            self._count(ask, rule, day, Outcome.REFUSED)
            return _reply(replies.reject(decision.say()))
        assert rule is not None
        flags = self._messages.get((ask.instance, ask.client, rule.grant_id), 0) if ask.instance else 0
        if decision.is_recipient_open and not flags & _COUNTED[Outcome.ACCEPTED]:
            return self._defer(ask, decision, day, f"{rule.reference}: the recipients are not known here.")
        if rule.per_hour is None or flags & _CHARGED:
            return self._accept(ask, rule, day)
        return self._charge(ask, decision, day, rule.per_hour)

    def _charge(self, ask: Ask, decision: Decision, day: date, per_hour: int) -> bytes | Awaitable[bytes]:
        rule = decision.rule
        assert rule is not None
        wait = self._local.take(rule.grant_id, per_hour, time.monotonic())
        if wait:
            return self._over(ask, decision, day, wait)
        if self._shared is not None:
            return self._charge_shared(self._shared, ask, decision, day)
        self._mark(ask, rule, _CHARGED)
        return self._accept(ask, rule, day)

    async def _charge_shared(self, shared: Shared, ask: Ask, decision: Decision, day: date) -> bytes:
        rule = decision.rule
        assert rule is not None
        assert rule.per_hour is not None
        try:
            wait = await shared.take(rule.grant_id, rule.per_hour)
        except BudgetUnknown:
            self._local.give_back(rule.grant_id)
            return self._defer(ask, decision, day, replies.budget_unknown(rule))
        if wait:
            self._local.give_back(rule.grant_id)
            return self._over(ask, decision, day, wait)
        self._mark(ask, rule, _CHARGED)
        return self._accept(ask, rule, day)

    def _over(self, ask: Ask, decision: Decision, day: date, wait: float) -> bytes:
        assert decision.rule is not None
        return self._defer(ask, decision, day, replies.over_budget(decision.rule, wait, timezone.now()))

    def _defer(self, ask: Ask, decision: Decision, day: date, text: str) -> bytes:
        self._count(ask, decision.rule, day, Outcome.DEFERRED)
        # Where reject_unauth_destination follows, DEFER_IF_PERMIT would become its lasting refusal.
        verb = "DEFER" if ask.context == RELAY_CONTEXT else "DEFER_IF_PERMIT"
        return _reply(f"{verb} 4.7.1 {replies.safe(text)}")

    def _accept(self, ask: Ask, rule: RelayRule, day: date) -> bytes:
        self._count(ask, rule, day, Outcome.ACCEPTED)
        if ask.state == "END-OF-MESSAGE":
            return _reply("DUNNO")  # Too late for a header, and nothing is left to permit.
        if ask.context == RELAY_CONTEXT and ask.state == "RCPT":
            return _reply("OK")  # PREPEND permits nothing: the header comes at DATA.
        if not self._mark(ask, rule, _PREPENDED):
            return _reply("DUNNO")  # The message has its header: one for each recipient would be too many.
        return _reply(replies.prepend(rule))

    # ------------------------------------------------------------------ one message, several asks
    def _mark(self, ask: Ask, rule: RelayRule, flag: int) -> bool:
        """Note `flag` for the message; whether it was not noted before. Without an instance all is new."""
        if not ask.instance:
            return True
        key = (ask.instance, ask.client, rule.grant_id)
        flags = self._messages.get(key)
        if flags is None:
            if len(self._messages) >= REMEMBERED_MESSAGES:
                del self._messages[next(iter(self._messages))]
            flags = 0
        self._messages[key] = flags | flag
        return not flags & flag

    def _count(self, ask: Ask, rule: RelayRule | None, day: date, outcome: Outcome) -> None:
        if rule is not None and self._mark(ask, rule, _COUNTED[outcome]):
            self.batch.count(rule.grant_id, day, ask.sender, outcome, time.time())


def _reply(action: str) -> bytes:
    return f"action={action}\n\n".encode("ascii")
