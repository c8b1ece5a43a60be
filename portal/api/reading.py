"""Requests and permissions for programs: what the owner of the account may see, page by page."""

import dataclasses
from datetime import datetime
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import Model, QuerySet
from django.http import Http404

from portal.accounts.models import User
from portal.enforcement.liveness import panel_of
from portal.grants import dating, publication
from portal.grants.dating import Today
from portal.grants.kinds import GrantStanding
from portal.grants.models import Grant
from portal.grants.registry import standings_of
from portal.samples.selectors import ProofState, proofs_of
from portal.workflow import selectors
from portal.workflow.models import ServiceRequest

T = TypeVar("T", bound=Model)


def address(path: str) -> str:
    """The full address of a page."""
    return f"{settings.PUBLIC_URL}{path}"


def page(rows: "QuerySet[T]", *, after: str, limit: int) -> tuple[list[T], str]:
    """Up to `limit` rows after a key, newest first, and the key of the next page; "" where there is none."""
    if after:
        rows = rows.filter(pk__lt=int(after))
    found = list(rows.order_by("-pk")[: limit + 1])
    return found[:limit], str(found[limit - 1].pk) if len(found) > limit else ""


# ---------------------------------------------------------------- requests
def requests(
    owner: User, *, kind: str, state: str, updated_since: datetime | None
) -> "QuerySet[ServiceRequest]":
    """The requests that `owner` may see, filtered."""
    rows = ServiceRequest.objects.visible_to(owner).select_related("requester")
    wanted: dict[str, Any] = {"kind": kind, "state": state, "updated_at__gte": updated_since}
    return rows.filter(**{name: value for name, value in wanted.items() if value})


def request_of(owner: User, reference: str) -> ServiceRequest:
    """One request. Raises Http404 where `owner` may not know of it."""
    rows = ServiceRequest.objects.visible_to(owner).select_related("requester")
    found = rows.filter(reference=reference).first()
    if found is None:
        raise Http404("There is no such request, or it is not yours to see.")
    return found


def as_request(row: ServiceRequest) -> dict[str, Any]:
    """A request as `RequestOut`."""
    return {
        "reference": row.reference,
        "kind": row.kind,
        "intention": row.intention,
        "state": row.state,
        "stage": row.stage,
        "title": row.title,
        "subject": row.subject_key,
        "department": row.department,
        "requester": row.requester.email,
        "submitted_at": row.submitted_at,
        "updated_at": row.updated_at,
        "due_on": row.due_on,
        "url": address(row.get_absolute_url()),
    }


def findings_of(row: ServiceRequest) -> dict[str, Any]:
    """The newest checks of a request as `FindingsOut`."""
    found = selectors.newest_findings(row)
    run = found[0].run if found else None
    return {
        "occasion": run.occasion if run else "",
        "ran_at": run.ran_at if run else None,
        "findings": [
            {
                "clause": one.clause,
                "rule": one.rule,
                "outcome": one.outcome,
                "must": one.must,
                "sentence": one.sentence,
            }
            for one in found
        ],
    }


def events_of(row: ServiceRequest, owner: User) -> list[dict[str, Any]]:
    """The timeline as far as `owner` may read it, oldest first."""
    return [
        {
            "at": event.at,
            "action": event.action,
            "label": event.label,
            "by": event.who,
            "state": event.to_state,
            "comment": event.comment,
            "clauses": event.clauses,
        }
        for event in selectors.timeline(row, owner)
    ]


# ---------------------------------------------------------------- permissions
def grants(owner: User, *, kind: str, state: str) -> "QuerySet[Grant]":
    """The permissions that `owner` may see, filtered."""
    rows = Grant.objects.visible_to(owner).select_related("owner")
    return rows.filter(**{name: value for name, value in {"kind": kind, "state": state}.items() if value})


def grant_of(owner: User, reference: str) -> Grant:
    """One permission. Raises Http404 where `owner` may not know of it."""
    found = (
        Grant.objects.visible_to(owner)
        .select_related("owner", "co_owner")
        .filter(reference=reference)
        .first()
    )
    if found is None:
        raise Http404("There is no such permission, or it is not yours to see.")
    return found


def as_grants(rows: list[Grant]) -> list[dict[str, Any]]:
    """Permissions as `GrantOut`, as they stand today."""
    standings, proofs = standings_of(rows), proofs_of(rows)
    today = dating.today()
    return [_as_grant(row, standings.get(row.pk), proofs.get(row.pk), today) for row in rows]


def _as_grant(
    row: Grant, standing: GrantStanding | None, proof: ProofState | None, today: Today
) -> dict[str, Any]:
    in_force = standing.is_in_force if standing else today.is_in_force(row)
    return {
        "reference": row.reference,
        "kind": row.kind,
        "state": row.state,
        "in_force": in_force,
        "title": row.title,
        "subject": row.subject_key,
        "owner": row.owner.email,
        "starts_on": row.starts_on,
        "ends_on": row.ends_on,
        "proof": dataclasses.asdict(proof) if proof is not None else None,
        "url": address(row.get_absolute_url()),
    }


def as_grant_detail(row: Grant) -> dict[str, Any]:
    """A permission as `GrantDetail`."""
    status = publication.status_of(row)
    live = panel_of(status)
    return {
        **as_grants([row])[0],
        "enforcement": {"status": str(status.reach), "sentence": status.sentence},
        "allows": row.kind_entry.permission_sentence(row),
        "live": [
            {
                "target": target.label,
                "serial": target.release.serial,
                "released_at": target.release.released_at,
                "is_gone": target.is_gone,
                "hosts": [host.host for host in target.hosts if host.is_current],
            }
            for target in (live.targets if live else [])
            if target.release is not None
        ],
    }
