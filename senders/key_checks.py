"""What the DNS says to the keys of a plan: at each selector's own name, and behind an alias that is still to come."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from portal.lib.outcome import Outcome
from portal.lib.text import storable
from portal.mailauth.answers import Answer
from portal.mailauth.as_drawing import key_drawing
from portal.mailauth.dkim_key import DkimKey, parse_key
from portal.mailauth.dkim_selectors import SelectorReport, judge_answer
from portal.mailauth.resolver import Session
from portal.workflow.findings import Finding
from senders.plan import KeyPlan

_MATERIAL = re.compile(r"(?:^|;)p=([^;]*)")
_WSP = re.compile(r"\s+")


@dataclass(frozen=True)
class SeenKey:
    """What stands at a selector's own name, and at the target of its alias."""

    plan: KeyPlan
    name: str
    here: SelectorReport
    has_records: bool
    """Whether anything stands at the name: records, or an alias that leads to none."""
    has_several: bool
    target: SelectorReport | None
    """What the alias of the plan would lead to, where nothing is published yet."""

    @property
    def is_published(self) -> bool | None:
        """Whether anything stands at the name; None where the DNS did not say."""
        return None if self.here.outcome is Outcome.UNKNOWN else self.has_records

    @property
    def is_revoked(self) -> bool:
        """Whether the name itself holds a revoked key (p= empty): nobody can sign with it, so it is nobody's."""
        return not self.here.chain and self.here.key is not None and self.here.key.revoked

    @property
    def is_another(self) -> bool:
        """Whether the name leads elsewhere than planned: another alias, or another key."""
        if not self.is_published or self.is_revoked:
            return False
        if self.plan.kind == "CNAME":
            return not self.here.chain or self.here.chain[0].rstrip(".").lower() != self.plan.value
        return self.here.record is not None and key_material(self.here.record) != key_material(
            self.plan.value
        )

    @property
    def effective(self) -> DkimKey | None:
        """The key that receivers find, or would find once the plan is published."""
        if self.has_records:
            return self.here.key
        return self.target.key if self.target is not None else parse_key(self.plan.value)

    @property
    def evidence(self) -> dict[str, Any]:
        """The facts, and the drawing of the way from the name to the key."""
        return {
            "name": self.name,
            "planned": f"{self.plan.kind} {self.plan.value}",
            "record": self.here.record,
            "chain": list(self.here.chain),
            "notes": [note.text for note in self.here.notes],
            "drawing": self._drawing(),
        }

    def _drawing(self) -> dict[str, Any]:
        behind = self.target.outcome is Outcome.UNKNOWN if self.target else False
        planned = [self.plan.value] if self.plan.kind == "CNAME" else []
        return key_drawing(
            name=self.name,
            chain=self.here.chain if self.is_published else planned,
            key=self.effective,
            is_published=self.is_published,
            is_unknown=self.is_published is None or behind,
        )


def key_material(record: str) -> str:
    """What makes two records the same key: p= without blanks (RFC 6376 section 3.6.1)."""
    bare = _WSP.sub("", record)
    match = _MATERIAL.search(bare)
    return match.group(1) if match else bare


async def ask_keys(domain: str, keys: Sequence[KeyPlan], session: Session) -> list[SeenKey]:
    """What stands at every selector of a plan, asked at the same time."""

    async def one(plan: KeyPlan) -> SeenKey:
        here = await session.ask(plan.name(domain), "TXT")
        report = judge_answer(domain, plan.selector, here)
        target: Answer | None = None
        if plan.kind == "CNAME" and not here.records and not here.is_unknown:
            target = await session.ask(plan.value, "TXT")
        behind = None if target is None else judge_answer(domain, plan.selector, target)
        has_records = bool(here.records or here.chain)
        return SeenKey(plan, plan.name(domain), report, has_records, len(here.records) > 1, behind)

    return list(await asyncio.gather(*(one(plan) for plan in keys)))


# ---------------------------------------------------------------- judging
def of_key(seen: SeenKey) -> Finding:
    """The finding on one key of a plan that is asked for: it may still have to be published."""
    if seen.is_published is False:
        outcome, sentence = _of_unpublished(seen)
    else:
        outcome, sentence = of_published(seen)
        if outcome is Outcome.PASS and seen.is_another:
            outcome, sentence = Outcome.WARN, another(seen)
    return key_found(seen, outcome, sentence)


def key_found(seen: SeenKey, outcome: Outcome, sentence: str, *, must: bool = True) -> Finding:
    """A finding on one key, with its facts."""
    rule = f"dkim:{seen.plan.selector}"
    return dns_found("AUT-3", rule, outcome, sentence, "keys", must=must, **seen.evidence)


def another(seen: SeenKey) -> str:
    """That the name leads elsewhere than planned."""
    if seen.plan.kind == "CNAME":
        return f"There is a key at {seen.name}, but not the alias of the plan ({seen.plan.value})."
    return f"There is a key at {seen.name}, but not the key of the plan."


def of_published(seen: SeenKey) -> tuple[Outcome, str]:
    """What stands at the name, by itself: whether receivers will use it."""
    report, name = seen.here, seen.name
    if report.outcome is Outcome.UNKNOWN:
        return Outcome.UNKNOWN, (
            f"AUT-3: the DNS did not say whether there is a key at {name}. It is asked again before the decision."
        )
    if report.key is None:
        dangling = report.chain and not report.record and not seen.has_several
        why = f"its target {report.chain[-1]} has no key" if dangling else _worst(report).rstrip(".")
        return Outcome.FAIL, f"AUT-3: {name} is published, but: {why}."
    if not report.key.usable:
        return Outcome.FAIL, f"AUT-3: the key at {name} cannot be used. {_worst(report)}"
    if report.key.testing or report.outcome is Outcome.WARN:
        return Outcome.WARN, f"The key at {name} can be used, with a remark: {_worst(report)}"
    size = f", {report.key.bits} bits" if report.key.bits else ""
    return Outcome.PASS, f"The key at {name} is published and sound ({report.key.key_type}{size})."


def _of_unpublished(seen: SeenKey) -> tuple[Outcome, str]:
    plan, target, name = seen.plan, seen.target, seen.name
    if plan.kind == "CNAME" and (target is None or target.outcome is Outcome.UNKNOWN):
        return Outcome.UNKNOWN, f"AUT-3: the DNS did not say whether {plan.value} has a key."
    if target is not None and target.record is None:
        return Outcome.FAIL, (
            f"AUT-3: {plan.value}, to which {name} would point, has no key. Ask the vendor for the right name."
        )
    key = seen.effective
    if key is None or not key.usable:
        where = plan.value if plan.kind == "CNAME" else f"planned for {name}"
        why = key.notes[0].text if key else ""
        return Outcome.FAIL, f"AUT-3: the key {where} cannot be used. {why}".strip()
    return Outcome.WARN, f"{name} is not published yet. The DNS change set adds it."


def _worst(report: SelectorReport) -> str:
    return next((note.text for note in report.notes if note.outcome is report.outcome), "")


def dns_found(
    clause: str,
    rule: str,
    outcome: Outcome,
    sentence: str,
    field: str = "",
    *,
    must: bool = True,
    **evidence: Any,
) -> Finding:
    """A finding on what the DNS said, with the moment of the answer among its facts."""
    facts = evidence | {"checked_at": datetime.now(UTC).isoformat(timespec="seconds")}
    return Finding(
        clause, rule[:60], outcome, storable(sentence), must=must, field=field, evidence=storable(facts)
    )
