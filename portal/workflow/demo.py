"""Files a kind's demonstration requests as people would: through its forms, and on to where each should stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from django.http import QueryDict
from django.utils import timezone

from portal.accounts.models import User
from portal.workflow import registry
from portal.workflow.kinds import Kind, Terms
from portal.workflow.models import ServiceRequest
from portal.workflow.services import requesting, reviewing


class Standing(StrEnum):
    """Where a demonstration request stands when the demo is loaded."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"
    ASKED = "asked"
    APPROVED = "approved"


@dataclass(frozen=True)
class DemoRequest:
    """One request: the answers of all its pages by field, and how far it has come.

    `days_left` cuts the term of an approval, so that the demo has a permission that is about to end.
    """

    answers: Mapping[str, str | Sequence[str]]
    standing: Standing = Standing.IN_REVIEW
    question: tuple[str, str] = ("", "")
    reason: str = ""
    days_left: int | None = None
    unanswered: frozenset[str] = field(default_factory=frozenset)
    """Pages that are left open, by key; only a draft may have some."""


def load(people: Mapping[str, User]) -> int:
    """File the requests of every kind that has none yet; returns how many. `people` are the demo's, by local part."""
    filed = 0
    for kind in registry.kinds():
        if not ServiceRequest.objects.filter(kind=kind.key).exists():
            for entry in kind.demo_requests(people):
                file(kind, entry, people)
                filed += 1
    return filed


def file(kind: Kind, entry: DemoRequest, people: Mapping[str, User]) -> ServiceRequest:
    """Fill in the pages, submit, and act as the reviewer. Raises ValueError for answers that a page refuses."""
    requester, reviewer = people["requester"], people["reviewer"]
    filed = requesting.create_draft(kind=kind, requester=requester, department=requester.department)
    for step in kind.steps:
        if step.key in entry.unanswered or not step.applies(filed):  # the pages before may bring it in
            continue
        form = step.form_class(filed, _typed(entry.answers))
        if not form.is_valid():
            raise ValueError(f"{kind.key}, {step.key}: {form.errors.as_text()}")
        requesting.save_step(
            service_request=filed, actor=requester, step=step.key, form=form, revision=filed.revision
        )
    if entry.standing is Standing.DRAFT:
        return filed
    requesting.submit(service_request=filed, actor=requester, revision=filed.revision)
    if entry.standing is Standing.ASKED:
        reviewing.ask(
            service_request=filed, actor=reviewer, revision=filed.revision, questions=[entry.question]
        )
    if entry.standing is Standing.APPROVED:
        reviewing.approve(
            service_request=filed,
            actor=reviewer,
            revision=filed.revision,
            comment=entry.reason,
            terms=_terms(kind, filed, entry),
        )
    return filed


def _typed(answers: Mapping[str, str | Sequence[str]]) -> QueryDict:
    typed = QueryDict(mutable=True)
    for name, value in answers.items():
        typed.setlist(name, [value] if isinstance(value, str) else list(value))
    return typed


def _terms(kind: Kind, filed: ServiceRequest, entry: DemoRequest) -> Terms:
    terms = kind.default_terms(filed, timezone.localdate())
    if entry.days_left is None:
        return terms
    return Terms(terms.starts_on, min(terms.ends_on, terms.starts_on + timedelta(days=entry.days_left)))
