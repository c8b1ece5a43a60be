"""Restricted querysets: `visible_to` is the only way from a request's reference to a request."""

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Exists, OuterRef, Q

from portal.accounts.models import User
from portal.institution import institution

if TYPE_CHECKING:
    from portal.workflow.models import ServiceRequest  # noqa: F401


_ROW_COLUMNS = (
    "reference",
    "kind",
    "intention",
    "state",
    "stage",
    "stage_role",
    "revision",
    "title",
    "subject_key",
    "department",
    "submitted_at",
    "due_on",
    "blocking_findings",
    "co_owner",
    "sponsor",
    "requester__name",
    "requester__email",
    "assignee__name",
    "assignee__email",
)


class ServiceRequestQuerySet(models.QuerySet["ServiceRequest"]):
    """Requests, narrowed to those a person may know of."""

    def visible_to(self, actor: User) -> "ServiceRequestQuerySet":
        """The requests `actor` may see: own, co-owned and sponsored ones; deciders and auditors all that were sent.

        A draft, and a draft that was withdrawn, is nobody else's.
        """
        if not actor.is_active:
            return self.none()
        own = Q(requester=actor) | Q(co_owner=actor)
        sent = Q(submitted_at__isnull=False)
        sponsored = Q(sponsor=actor) & sent
        if actor.sees_everything:
            return self.filter(own | sent)
        return self.filter(own | sponsored)

    def decidable_by(self, actor: User) -> "ServiceRequestQuerySet":
        """The requests at a stage whose role `actor` holds, without those that four eyes keep from them."""
        from portal.workflow.models import Part, Participation  # noqa: PLC0415 - models have these query sets

        theirs = Participation.objects.filter(service_request=OuterRef("pk"), person=actor)
        kept = ~Q(part=Part.DECIDER)
        if institution().one_person_one_stage:
            kept |= ~Q(stage=OuterRef("stage"))
        rows = self.filter(stage_role__in=[str(role) for role in actor.roles])
        own = Q(requester=actor) | Q(co_owner=actor) | Q(sponsor=actor)
        return rows.exclude(own).exclude(Exists(theirs.filter(kept)))

    def as_rows(self) -> "ServiceRequestQuerySet":
        """With what a row of the queue shows and its policies ask for; whole people would be most of it."""
        return self.select_related("requester", "assignee").only(*_ROW_COLUMNS)

    def with_people(self) -> "ServiceRequestQuerySet":
        """With the people a page names, in the same query."""
        return self.select_related("requester", "co_owner", "sponsor", "assignee")
