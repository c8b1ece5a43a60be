"""The schemas of the API."""

from datetime import date, datetime
from typing import Any, Literal

from ninja import Field, Schema

from portal.workflow import registry

MOST = 100


def _kinds(shown: dict[str, Any]) -> None:
    """Called when the document is made: by then every kind is registered."""
    shown["enum"] = ["", *(kind.key for kind in registry.kinds())]


class GrantFilters(Schema):
    """The filters of a list, and the key of the next page."""

    kind: str = Field("", max_length=20, description="Empty for all.", json_schema_extra=_kinds)
    state: str = Field("", max_length=20)
    after: str = Field("", max_length=18, pattern="^[0-9]*$", description="`next` of the page before.")
    limit: int = Field(25, ge=1, le=MOST)


class RequestFilters(GrantFilters):
    """The same for requests."""

    updated_since: datetime | None = Field(None, description="RFC 3339, with its zone.")


class Problem(Schema):
    """An error as application/problem+json (RFC 9457)."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(description="The status in words.", examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(description="A sentence that says what to do.")
    errors: dict[str, Any] | None = Field(None, description="By field, the sentences of what is refused.")


class RequestOut(Schema):
    """One request."""

    reference: str = Field(examples=["TM-R-1042"])
    kind: str = Field(examples=["relay"])
    intention: str = Field(description="new, renewal or change")
    state: str = Field(description="draft, in_review, needs_information, approved, denied or withdrawn")
    stage: str = Field(description="The current stage; empty if the request is at none.")
    title: str
    subject: str = Field(description="The host, domain or address that it is about.")
    department: str
    requester: str = Field(description="The requester's address.")
    submitted_at: datetime | None = Field(description="UTC.")
    updated_at: datetime = Field(description="UTC.")
    due_on: date | None = Field(description="The day by which the stage should be finished.")
    url: str = Field(description="Its page for people.")


class RequestPage(Schema):
    """Some requests, newest first."""

    items: list[RequestOut]
    next: str = Field(description="Send it as `after` for the next page; empty on the last one.")


class FindingOut(Schema):
    """One finding."""

    clause: str = Field(examples=["REL-2"])
    rule: str
    outcome: Literal["pass", "warn", "fail", "unknown"]
    must: bool = Field(description="Whether a failure bars the approval.")
    sentence: str


class FindingsOut(Schema):
    """The newest checks of a request; of one that was decided, those it was decided on."""

    occasion: str = Field(description="submission, approval, recheck or sample; empty before any check.")
    ran_at: datetime | None = Field(description="UTC.")
    findings: list[FindingOut]


class EventOut(Schema):
    """One entry of the timeline."""

    at: datetime = Field(description="UTC.")
    action: str = Field(examples=["approve"])
    label: str = Field(description="The action in words.")
    by: str = Field(description="Who, and in whose stead; empty for the portal itself.")
    state: str = Field(description="The state after it.")
    comment: str
    clauses: list[str]


class ProofOut(Schema):
    """Whether a message showed that the permission's mail is signed (OVR-4)."""

    status: Literal["proven", "awaited", "overdue"] = Field(
        description="`overdue` where the proof has been awaited for longer than the institution allows."
    )
    proven_at: datetime | None = Field(description="UTC. When the newest message that shows it came.")
    awaited_since: date | None = Field(description="Since when it is awaited; empty where it is proven.")


class GrantOut(Schema):
    """One permission."""

    reference: str = Field(examples=["TM-R-1042"])
    kind: str
    state: str = Field(description="unproven, active, suspended, revoked, lapsed or ended")
    in_force: bool = Field(
        description="Active, and today is inside its term. Whether mail hosts hold it, `enforcement` says."
    )
    title: str
    subject: str
    owner: str = Field(description="The owner's address.")
    starts_on: date
    ends_on: date = Field(description="The last day in force.")
    proof: ProofOut | None = Field(
        description="Of a kind whose mail has to be shown to be signed; empty for others and for what is over."
    )
    url: str


class GrantPage(Schema):
    """Some permissions, newest first."""

    items: list[GrantOut]
    next: str = Field(description="Send it as `after` for the next page; empty on the last one.")


class LiveOut(Schema):
    """One mail host on which a permission is live."""

    target: str = Field(examples=["Postfix (SMTP relay)"])
    serial: int
    released_at: datetime = Field(description="UTC.")
    is_gone: bool = Field(description="Whether that release took it out.")
    hosts: list[str] = Field(
        description="The hosts that reported it, and hold (or dropped) the permission so."
    )


class EnforcementOut(Schema):
    """The publication status of a permission, from the receipts of mail hosts."""

    status: str = Field(
        description="active (the portal itself decides by it), approved (not live on every host yet), released "
        "(no host reports), live, leaving (a host still holds it), or out"
    )
    sentence: str = Field(examples=["Live on 2 of 2 hosts since 10:42."])


class GrantDetail(GrantOut):
    """One permission, with what it allows and where it is live."""

    allows: str = Field(description="What it allows, in one sentence.")
    enforcement: EnforcementOut
    live: list[LiveOut]


class Filed(Schema):
    """What was filed."""

    reference: str
    state: str
    url: str
