"""Classifying a renewal at its submission: collect, classify, store. The route reads the stored result."""

import logging
from typing import Any

from django.utils import timezone

from portal.grants.models import Grant, GrantRequest
from portal.renewals.facts import Classification, Use, UseStand, classify
from portal.renewals.gathering import Gathered, gather
from portal.renewals.models import Judgement, Route
from portal.workflow.models import Intention, ServiceRequest

logger = logging.getLogger(__name__)
_FAILED = "What it rests on could not be looked at."


def judge(service_request: ServiceRequest) -> None:
    """Classify a renewal that is about to be submitted, and store the result. Queries the DNS, outside transactions."""
    grant = grant_under_renewal(service_request)
    gathered = _gathered(grant, service_request) if grant is not None else None
    verdict = classify(gathered.facts, gathered.use) if gathered else Classification(False, (_FAILED,))
    kept, _ = Judgement.objects.update_or_create(
        service_request=service_request, defaults=_columns(service_request, gathered, verdict)
    )
    service_request.renewal_judgement = kept  # so that this object no longer returns an older one


def is_short(service_request: ServiceRequest) -> bool:
    """Whether the short route was stored for a renewal; without a classification it takes the full one."""
    kept = judgement_of(service_request)
    return kept is not None and kept.route in (Route.SHORT, Route.EARLIER)


def judgement_of(service_request: ServiceRequest) -> Judgement | None:
    """The classification of a renewal; None if there is none."""
    try:
        return service_request.renewal_judgement
    except Judgement.DoesNotExist:
        return None


def grant_under_renewal(service_request: ServiceRequest) -> Grant | None:
    """The grant that a renewal is about, with its people and its latest request."""
    people = ("owner", "co_owner", "latest_request__requester", "latest_request__co_owner")
    about = GrantRequest.objects.filter(service_request=service_request, intention=Intention.RENEWAL)
    found = about.select_related(*(f"grant__{name}" for name in people)).first()
    return found.grant if found is not None else None


def _gathered(grant: Grant, service_request: ServiceRequest) -> Gathered | None:
    try:
        return gather(grant, service_request)
    except Exception:
        logger.exception("The facts of %s could not be gathered: it takes the long route.", service_request)
        return None


def _columns(
    service_request: ServiceRequest, gathered: Gathered | None, verdict: Classification
) -> dict[str, Any]:
    kind, today = service_request.kind_entry, timezone.localdate()
    use = gathered.use if gathered else Use(UseStand.UNKNOWN, _FAILED)
    return {
        "route": Route.SHORT if verdict.is_short else Route.FULL,
        "facts": [fact.as_json() for fact in gathered.in_order] if gathered else [],
        "use": str(use.stand),
        "use_sentence": use.sentence[:300],
        "reasons": list(verdict.reasons),
        "would_allow": kind.would_allow(service_request),
        "ends_on": kind.default_terms(service_request, today).ends_on,
        "judged_at": timezone.now(),
    }
