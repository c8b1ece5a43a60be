"""The evidence of a request as its page shows it: at the submission, at the decision and now, and what differs.

One query where the timeline says that only the submission's run can matter, one more where it turns out otherwise.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import Q, Subquery

from portal.lib.text import truncate
from portal.workflow.models import CheckRun, Event, ServiceRequest, StoredFinding
from portal.workflow.states import Action

_APART: frozenset[str] = frozenset({"checked_at", "judged_at", "drawing", "notes"})
"""Entries of the evidence that are no facts: when it was looked at, how it is drawn, what the sentence says."""
_SEVERAL: frozenset[str] = frozenset(
    {"recheck", Action.RESUBMIT, Action.ADVANCE, Action.APPROVE, Action.DENY}
)
"""After these there are, as a rule, several runs."""
LONGEST_VALUE = 200


@dataclass(frozen=True)
class Moment:
    """One run of the checks that the page speaks of."""

    label: str
    run: CheckRun
    findings: Sequence[StoredFinding]

    @cached_property
    def by_rule(self) -> dict[str, StoredFinding]:
        """The findings by rule."""
        return {finding.rule: finding for finding in self.findings}


@dataclass(frozen=True)
class FactChange:
    """One entry of the raw record that is not what it was; None where there was none."""

    name: str
    values: Sequence[str | None]


@dataclass(frozen=True)
class Difference:
    """One rule whose findings differ between the moments; None where the rule was not asked."""

    clause: str
    rule: str
    beside: Sequence[tuple[Moment, StoredFinding | None]]
    facts: Sequence[FactChange]

    @property
    def newest(self) -> StoredFinding | None:
        """What was found last, if the rule was asked then."""
        return self.beside[-1][1]

    @property
    def is_drawn(self) -> bool:
        """Whether the newest finding says in a picture what went wrong."""
        return self.newest is not None and self.newest.outcome != "pass" and "drawing" in self.newest.evidence

    @property
    def width(self) -> int:
        """Columns of its row."""
        return len(self.beside) + 1


@dataclass(frozen=True)
class Evidence:
    """What the page shows. `shown` is the decision's run once there is one, else the newest."""

    shown: Moment | None
    moments: Sequence[Moment]
    is_frozen: bool

    @property
    def findings(self) -> Sequence[StoredFinding]:
        """The findings of the run that is shown."""
        return self.shown.findings if self.shown else ()

    @property
    def ran_at(self) -> datetime | None:
        """When that was."""
        return self.shown.run.ran_at if self.shown else None

    @property
    def newest_at(self) -> datetime | None:
        """When the checks ran last."""
        return self.moments[-1].run.ran_at if self.moments else None

    @property
    def has_later(self) -> bool:
        """Whether what the permission rests on was asked again after the decision."""
        return self.is_frozen and self.moments[-1] is not self.shown

    def differences(self, *, with_facts: bool) -> list[Difference]:
        """The rules that differ between the moments, in the order of the first run; `with_facts` for reviewers."""
        rules = dict.fromkeys(rule for moment in self.moments for rule in moment.by_rule)
        return [one for rule in rules if (one := self._difference(rule, with_facts)) is not None]

    def _difference(self, rule: str, with_facts: bool) -> Difference | None:
        cells = [moment.by_rule.get(rule) for moment in self.moments]
        # After a decision only what the permission rests on is asked: the rest has no "now", and that is no change.
        compared = cells[:-1] if self.has_later and cells[-1] is None else cells
        there = [cell for cell in compared if cell is not None]
        facts = list(_changed_facts(there)) if with_facts else []
        if not (_differ(there) or facts or (len(there) < len(compared) and there[-1].outcome != "pass")):
            return None
        return Difference(there[0].clause, rule, list(zip(self.moments, cells, strict=True)), facts)


def evidence_of(service_request: ServiceRequest, events: Sequence[Event]) -> Evidence:
    """The evidence of a request with its timeline, which says what is worth asking the database for."""
    decision = next((e for e in reversed(events) if e.action in (Action.APPROVE, Action.DENY)), None)
    decided_on = decision.check_run_id if decision else None
    if decided_on is not None or any(event.action in _SEVERAL for event in events):
        rows = _findings(_newest(service_request) | _submitted(service_request) | Q(run_id=decided_on))
    else:
        rows = _findings(_newest(service_request))
        if rows and rows[0].run.occasion != CheckRun.Occasion.SUBMISSION:
            rows += _findings(_submitted(service_request))
    return _arranged(_by_run(rows), decided_on)


def _findings(wanted: Q) -> list[StoredFinding]:
    return list(StoredFinding.objects.filter(wanted).select_related("run"))


def _newest(service_request: ServiceRequest) -> Q:
    runs = CheckRun.objects.filter(service_request=service_request)
    return Q(run_id=Subquery(runs.order_by("-id").values("pk")[:1]))


def _submitted(service_request: ServiceRequest) -> Q:
    runs = CheckRun.objects.filter(service_request=service_request, occasion=CheckRun.Occasion.SUBMISSION)
    return Q(run_id=Subquery(runs.order_by("id").values("pk")[:1]))


def _by_run(rows: Iterable[StoredFinding]) -> dict[int, list[StoredFinding]]:
    runs: dict[int, list[StoredFinding]] = {}
    for row in rows:
        runs.setdefault(row.run_id, []).append(row)
    return dict(sorted(runs.items()))


def _arranged(runs: dict[int, list[StoredFinding]], decided_on: int | None) -> Evidence:
    moments: list[Moment] = []
    for pk, findings in runs.items():
        run = findings[0].run
        label = "Now"
        if pk == decided_on:
            label = "At decision"
        elif run.occasion == CheckRun.Occasion.SUBMISSION and not moments:
            label = "At submission"
        moments.append(Moment(label, run, findings))
    frozen = next((moment for moment in moments if moment.run.pk == decided_on), None)
    return Evidence(frozen or (moments[-1] if moments else None), moments, frozen is not None)


# ---------------------------------------------------------------- comparing
def _differ(there: Sequence[StoredFinding]) -> bool:
    """Whether outcome or sentence are not always the same."""
    return len({(one.outcome, one.sentence) for one in there}) > 1


def _changed_facts(there: Sequence[StoredFinding]) -> Iterable[FactChange]:
    records = [one.evidence for one in there]
    for name in dict.fromkeys(name for record in records for name in record):
        values = [record.get(name) for record in records]
        if name not in _APART and any(value != values[0] for value in values):
            yield FactChange(name.replace("_", " "), [_in_words(value) for value in values])


def facts_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a raw record that are facts; the order in which a list came is none."""
    return {
        name: sorted(value, key=repr) if isinstance(value, list) else value
        for name, value in record.items()
        if name not in _APART
    }


def _in_words(value: Any) -> str | None:
    if value in (None, "", [], {}):
        return None
    if isinstance(value, list) and all(isinstance(entry, str) for entry in value):
        return truncate(", ".join(value), LONGEST_VALUE)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return truncate(text, LONGEST_VALUE)


def raw_record(finding: StoredFinding) -> str:
    """The facts behind a finding as indented JSON, without the data of its drawing."""
    facts = {name: value for name, value in finding.evidence.items() if name != "drawing"}
    return json.dumps(facts, indent=2, ensure_ascii=False, default=str)
