"""Queries for the pages of renewals."""

from collections.abc import Sequence
from dataclasses import dataclass

from portal.grants.models import Grant
from portal.renewals.facts import Fact, Stand, Use, UseStand
from portal.renewals.models import Judgement, Route
from portal.workflow.models import Event, Intention, ServiceRequest
from portal.workflow.states import OPEN_STATES, Action


def renewal_under_way(grant: Grant) -> ServiceRequest | None:
    """The renewal or change of `grant` that is not closed yet, if there is one."""
    open_ones = ServiceRequest.objects.filter(about_grant__grant=grant, state__in=OPEN_STATES)
    return open_ones.order_by("pk").first()


def approval_of(grant: Grant) -> Event | None:
    """The decision behind the grant now: by whom, and when."""
    approvals = Event.objects.filter(service_request=grant.latest_request_id, action=Action.APPROVE)
    return approvals.select_related("actor").order_by("-id").first()


@dataclass(frozen=True)
class JudgementPanel:
    """The facts of a renewal for its page: changed or unknown ones first, then the rest."""

    judgement: Judgement
    open_facts: Sequence[Fact]
    settled: Sequence[Fact]
    use: Use | None

    @property
    def is_short(self) -> bool:
        """Whether it is unchanged, in use and green."""
        return self.judgement.route == Route.SHORT


def panel_of(service_request: ServiceRequest) -> JudgementPanel | None:
    """The classification of a renewal; None for other requests, and if there is none."""
    if service_request.intention != Intention.RENEWAL:
        return None
    judgement = Judgement.objects.filter(service_request=service_request).exclude(route=Route.EARLIER).first()
    if judgement is None:
        return None
    facts = facts_of(judgement)
    return JudgementPanel(
        judgement,
        [fact for fact in facts if fact.stand is not Stand.SAME],
        [fact for fact in facts if fact.stand is Stand.SAME],
        use_of_judgement(judgement),
    )


def facts_of(judgement: Judgement) -> list[Fact]:
    """The stored facts, changed ones first."""
    return [Fact.from_json(stored) for stored in judgement.facts]


def use_of_judgement(judgement: Judgement) -> Use | None:
    """The stored use; None if there is none."""
    known = judgement.use in {str(stand) for stand in UseStand}
    return Use(UseStand(judgement.use), judgement.use_sentence) if known else None
