"""Notices about approved campaigns and who gets them. Services call these inside their transactions."""

from typing import Any

from django.utils import timezone

from campaigns import selectors
from campaigns.models import CampaignPermission, CampaignRequest, ListUse, StopProposal
from campaigns.standing import SENDERS
from portal.accounts.models import User, people_with_role
from portal.accounts.roles import Role
from portal.grants import notices as grant_notices
from portal.grants.models import Grant, GrantEvent
from portal.grants.policies import is_holder
from portal.institution import institution
from portal.outbox.services import enqueue
from portal.ui.moments import exact_in_words


def _office() -> list[str]:
    return [person.email for person in people_with_role([Role.CIO])]


def _it() -> list[str]:
    return [institution().contact_email] if institution().contact_email else []


def _tell(
    template: str, permission: CampaignPermission, key: str, recipients: list[str], **context: Any
) -> None:
    grant = permission.grant
    for recipient in dict.fromkeys(recipients):
        enqueue(
            recipient=recipient,
            template=template,
            thread=grant.reference,
            unique_key=f"{template}:{key}:{recipient}",
            context={
                "path": f"/campaigns/{grant.reference}/delivery/",
                "reference": grant.reference,
                "title": grant.title,
                "ends_on": grant.ends_on,
                **context,
            },
        )


def suspended(*, grant: Grant, event: GrantEvent) -> None:
    """Tell the owner, the co-owner and the mailbox, with the notice that every permission sends."""
    grant_notices.changed(grant=grant, event=event)


def stopped(*, permission: CampaignPermission, actor: User | None, reason: str) -> None:
    """Tell the others who are concerned: the sponsor, the person who can stop it, the CIO office and IT."""
    sponsor = permission.grant.latest_request.sponsor
    people = [permission.stopper.email, *([sponsor.email] if sponsor else []), *_office(), *_it()]
    told_already = set(grant_notices.people_of(permission.grant))
    _tell(
        "campaign_stopped",
        permission,
        str(permission.grant.revision),
        [address for address in people if address not in told_already],
        actor=str(actor) if actor else institution().product,
        reason=reason,
    )


def warned(*, permission: CampaignPermission, figures: str) -> None:
    """Tell the owner, the person who can stop it and IT, once for each campaign."""
    people = [*grant_notices.people_of(permission.grant), permission.stopper.email, *_it()]
    _tell("campaign_warned", permission, str(permission.pk), people, figures=figures)


def proposed(*, proposal: StopProposal) -> None:
    """Tell the CIO office and IT that a campaign is over a stop limit, with its metrics."""
    people = [*_office(), *_it()]
    _tell("campaign_over_limit", proposal.permission, str(proposal.pk), people, figures=proposal.figures)


def results_requested(*, permission: CampaignPermission) -> None:
    """Ask the owner and the co-owner for the results."""
    _tell("campaign_results", permission, str(permission.pk), grant_notices.people_of(permission.grant))


def passed(*, use: ListUse) -> None:
    """Tell the owner, the co-owner and the mailbox that the message passed to a large list."""
    _tell_use("campaign_list_passed", use)


def allowed_again(*, use: ListUse) -> None:
    """Tell the same people that it may be sent to that list once more."""
    _tell_use("campaign_list_again", use, actor=str(use.released_by), reason=use.release_reason)


def _tell_use(template: str, use: ListUse, **context: Any) -> None:
    grant = use.permission.grant
    _tell(
        template,
        use.permission,
        str(use.pk),
        grant_notices.people_of(grant),
        path=grant.get_absolute_url(),
        list_address=use.list_address,
        queue_id=use.queue_id,
        passed_at=exact_in_words(use.passed_at),
        client=use.client,
        **context,
    )


def sender_named(*, detail: CampaignRequest) -> None:
    """Tell the holders of a sender authorization that somebody of their department filed a campaign under it."""
    grant, service_request = detail.sender_grant, detail.service_request
    if grant is None or is_holder(grant, service_request.requester):
        return
    for recipient in grant_notices.people_of(grant):
        enqueue(
            recipient=recipient,
            template="campaign_sender_named",
            thread=grant.reference,
            unique_key=f"campaign_sender_named:{service_request.pk}:{grant.pk}:{recipient}",
            context={
                "path": grant.get_absolute_url(),
                "reference": grant.reference,
                "authorization": grant.title,
                "campaign": service_request.reference,
                "title": service_request.title,
                "requester": str(service_request.requester),
                "requester_email": service_request.requester.email,
            },
        )


def sender_changed(event: GrantEvent) -> None:
    """Tell the owners of open campaigns under a sender authorization whose state changed. Listens to every grant change."""
    if event.grant.kind != SENDERS or event.from_state == event.to_state or not event.from_state:
        return
    for permission in selectors.campaigns_under(event.grant):
        if permission.grant.is_open and permission.grant.ends_on >= timezone.localdate():
            _tell(
                "campaign_sender_changed",
                permission,
                str(event.pk),
                grant_notices.people_of(permission.grant),
                path=permission.grant.get_absolute_url(),
                authorization=event.grant.reference,
                sentence=selectors.standing(permission).sentence,
            )
