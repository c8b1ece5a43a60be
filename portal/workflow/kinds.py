"""What a kind of request brings, in four parts: its form, its checks, its route and what an approval allows.

Each part is a small protocol that has what most kinds do. A kind is one folder: it subclasses `Kind`, which is all four, and
is listed in its app's `registration.py`. Screens, queue, timeline and decision work on that. A kind whose approvals leave a
permission subclasses `portal.grants.kinds.GrantingKind`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as made_by
from datetime import date
from typing import TYPE_CHECKING, Protocol

from portal.accounts.roles import Role
from portal.workflow.findings import Finding
from portal.workflow.guide import Answer as GuideAnswer
from portal.workflow.guide import Branch, Option

if TYPE_CHECKING:
    from portal.accounts.models import User
    from portal.workflow.demo import DemoRequest
    from portal.workflow.details import Detail
    from portal.workflow.forms import ApproveForm, StepForm
    from portal.workflow.models import ServiceRequest


def _always(service_request: "ServiceRequest") -> bool:
    return True


def _unsaid(service_request: "ServiceRequest") -> str:
    return ""


@dataclass(frozen=True)
class Stage:
    """One stage of review: the role that decides it, its target in business days, and when it applies."""

    key: str
    role: Role
    label: str
    target_days: int
    applies: Callable[["ServiceRequest"], bool] = _always
    reason: Callable[["ServiceRequest"], str] = _unsaid
    """Why a request takes this stage, in a sentence for the requester; "" where the stage says it."""


@dataclass(frozen=True)
class Step:
    """One page of a kind's form: a group of questions about one thing."""

    key: str
    title: str
    form_class: type["StepForm"]
    applies: Callable[["ServiceRequest"], bool] = _always


@dataclass(frozen=True)
class Answer:
    """One answer as people read it; `field` is stable and compares an answer with its later self."""

    field: str
    label: str
    value: str
    is_code: bool = False


@dataclass(frozen=True)
class AnswerGroup:
    """The answers of one page of the form."""

    step: str
    title: str
    answers: Sequence[Answer]


@dataclass(frozen=True)
class Terms:
    """What a decision grants: from when to when, and what the reviewer cut of what was asked.

    `ends_on` is the last day in force. `keep` names, by the kind's own field, which of the values asked for
    (senders, addresses) are granted; a field that is not named is granted whole. `at_most` names figures that
    were lowered or left as they were asked for.
    """

    starts_on: date
    ends_on: date
    keep: Mapping[str, Sequence[str]] = made_by(default_factory=dict)
    at_most: Mapping[str, int] = made_by(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """Values that a reviewer may cut on the decision page, such as the senders of a relay request."""

    field: str
    label: str
    values: Sequence[str]
    labels: Mapping[str, str] = made_by(default_factory=dict)
    """A value's words for people, where they are not the value itself."""
    is_single: bool = False
    """Whether one of the values is granted: the first one is what was asked for, the others are less."""


@dataclass(frozen=True)
class Cut:
    """What a decision left out: an answer as it was asked for, and as it was granted."""

    field: str
    label: str
    asked: str
    granted: str


TERM = "term"
"""The `field` of a cut of the term, which is no answer."""


def _asked(choice: Choice) -> Sequence[str]:
    return choice.values[:1] if choice.is_single else choice.values


def _listed(choice: Choice, values: Sequence[str]) -> str:
    return "\n".join(choice.labels.get(value, value) for value in choice.values if value in values)


class Form(Protocol):
    """What is asked: the pages, the row that keeps their answers, and how the answers are read."""

    detail_model: "type[Detail]"
    """The kind's own row of a request, whose columns the pages ask for."""
    steps: tuple[Step, ...]
    subject_label: str
    """What `subject_key` is: "Host", "Domain"."""

    def new_detail(self, service_request: "ServiceRequest") -> "Detail":
        """Create and return the kind's empty detail row for a new draft."""
        return self.detail_model.begin(service_request)

    def steps_for(self, service_request: "ServiceRequest") -> list[Step]:
        """The pages that concern this request, in order."""
        return [step for step in self.steps if step.applies(service_request)]

    def answer_groups(self, service_request: "ServiceRequest") -> list[AnswerGroup]:
        """All answers as people read them, grouped by page."""
        return [
            AnswerGroup(step.key, step.title, step.form_class.answers(service_request))
            for step in self.steps_for(service_request)
        ]

    def search_terms(self, service_request: "ServiceRequest") -> set[str]:
        """The words it is found by, besides its reference and people: the answers that are declared as searched."""
        from portal.workflow.answers import declared_of  # noqa: PLC0415 - answers are written in terms of this module

        found = [one.terms(service_request) for _, one in declared_of(self) if one.is_searched]
        return set().union(*found)

    @abstractmethod
    def summarise(self, service_request: "ServiceRequest") -> tuple[str, str]:
        """(title, subject_key) for lists, from the answers."""

    def prefill(self, service_request: "ServiceRequest", answers: str) -> None:
        """Carry an answer of the guide into a fresh draft; unknown words are ignored."""
        return


class Checks(Protocol):
    """What is established about the answers."""

    @abstractmethod
    def check(self, service_request: "ServiceRequest") -> list[Finding]:
        """Run every check over the answers as saved. May ask the DNS within its deadline; never raises."""

    @property
    def is_checked_after_decision(self) -> bool:
        """Whether `check_after_decision` may have something to ask, for the button on the page."""
        return False

    def check_after_decision(self, service_request: "ServiceRequest") -> list[Finding] | None:
        """What the approval rests on, asked again; None where nothing hangs on it any more. May ask the DNS."""
        return None


class Route(Protocol):
    """Whom a request passes on its way to a decision."""

    stages: tuple[Stage, ...]

    def before_review(self, service_request: "ServiceRequest") -> None:
        """Gather what the route rests on, before it is chosen at a submission. Outside transactions: may ask
        the DNS.
        """

    def route(self, service_request: "ServiceRequest") -> list[Stage]:
        """The stages this request passes, in order; never empty (an empty route would approve by itself)."""
        stages = [stage for stage in self.stages if stage.applies(service_request)]
        return stages or [self.stages[0]]


class Approval(Protocol):
    """What an approval allows. `portal.grants.kinds.Permission` makes a permission of it."""

    clauses: tuple[str, ...]
    """The clauses a decision may cite."""
    approve_form_class: "type[ApproveForm] | None" = None
    """The form of an approval, where the kind asks for more than the engine's; `clauses` in it are kept."""

    @abstractmethod
    def would_allow(self, service_request: "ServiceRequest") -> str:
        """What a grant would allow, in one sentence."""

    @abstractmethod
    def default_terms(self, service_request: "ServiceRequest", today: date) -> Terms:
        """The term asked for, or the kind's own, from `today`."""

    def choices(self, service_request: "ServiceRequest") -> list[Choice]:
        """What a reviewer may cut; empty for kinds where there is nothing to cut."""
        return []

    def cuts(self, service_request: "ServiceRequest", terms: Terms) -> list[Cut]:
        """What `terms` leave out of what is asked for: values, figures, days. Called before the approval."""
        asked = self.default_terms(service_request, terms.starts_on)
        cuts = [
            Cut(choice.field, choice.label, _listed(choice, _asked(choice)), _listed(choice, kept))
            for choice in self.choices(service_request)
            if (kept := terms.keep.get(choice.field)) is not None and set(kept) != set(_asked(choice))
        ]
        if terms.ends_on < asked.ends_on:
            cuts.append(Cut(TERM, "Last day", f"{asked.ends_on:%b %-d, %Y}", f"{terms.ends_on:%b %-d, %Y}"))
        return cuts

    def baseline(self, service_request: "ServiceRequest") -> list[dict[str, str]]:
        """The answers that a first submission is compared with: those of a renewal's grant; none for a new request."""
        return []

    def decision_note(self, service_request: "ServiceRequest") -> str:
        """What the email about a decision says besides the reason, such as the term of the grant."""
        return ""

    def connect_lines(self, service_request: "ServiceRequest") -> list[str]:
        """How to connect what was approved, one line each, for the email about a decision."""
        return []

    def on_submitted(self, *, service_request: "ServiceRequest", actor: "User") -> None:
        """A request was submitted or sent back to review."""

    def on_approved(self, *, service_request: "ServiceRequest", actor: "User", terms: Terms) -> None:
        """The last stage approved."""

    def on_closed(self, *, service_request: "ServiceRequest", actor: "User | None") -> None:
        """Denied or withdrawn."""


class Kind(Form, Checks, Route, Approval, ABC):
    """The registry's entry for one kind of request: its four parts, and what its screens say."""

    key: str
    """In URLs and tables: "relay"."""
    prefix: str
    """In references: "R" gives TM-R-1042."""
    label: str
    """For people: "SMTP relay"."""
    summary: str
    """One sentence: what a person gets by it."""
    icon: str
    """The name of a heroicon (outline)."""
    owner_clause: str
    """The clause by which a permission of this kind has an owner at the institution."""
    leaves_permission = False
    """Whether an approval leaves a permission, as `portal.grants.kinds.GrantingKind` does."""

    def demo_requests(self, people: "Mapping[str, User]") -> "Sequence[DemoRequest]":
        """Requests for the demonstration, in DEBUG alone; `people` are its accounts by local part."""
        return []

    def guide(self) -> Branch:
        """What this kind adds to the guide before the forms: a choice that leads to the form, or questions before it."""
        answer = GuideAnswer(self.label, (self.summary,), clause=self.clauses[0], kind=self.key)
        return Branch((Option(self.summary.removesuffix("."), self.key),), {self.key: answer})

    def links(self, service_request: "ServiceRequest") -> list[tuple[str, str]]:
        """(label, address) of pages that belong to the request, such as its grant's."""
        return []
