"""Who is told what after an approval. Called by services, inside their transactions."""

from typing import TYPE_CHECKING, Any

from campaigns.models import CampaignPermission, StopProposal
from portal.accounts.models import people_with_role
from portal.accounts.roles import Role
from portal.grants import notices
from portal.grants.models import Grant, GrantEvent
from portal.institution import institution
from portal.outbox.services import enqueue

if TYPE_CHECKING:
    from portal.accounts.models import User


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
                "path": f"/campaigns/{grant.reference}/after/",
                "reference": grant.reference,
                "title": grant.title,
                "ends_on": grant.ends_on,
                **context,
            },
        )


def suspended(*, grant: Grant, event: GrantEvent) -> None:
    """The owner, the co-owner and the mailbox: by the grant's own letter."""
    notices.changed(grant=grant, event=event)


def stopped(*, permission: CampaignPermission, actor: "User | None", reason: str) -> None:
    """Everybody else who is concerned: the sponsor, the person who can stop it, the CIO office and IT."""
    sponsor = permission.grant.latest_request.sponsor
    people = [permission.stopper.email, *([sponsor.email] if sponsor else []), *_office(), *_it()]
    told_already = set(notices.people_of(permission.grant))
    _tell(
        "campaign_stopped", permission, str(permission.grant.revision),
        [address for address in people if address not in told_already],
        actor=str(actor) if actor else institution().product, reason=reason,
    )  # fmt: skip


def warned(*, permission: CampaignPermission, figures: str) -> None:
    """The owner and IT, once a campaign."""
    people = [*notices.people_of(permission.grant), permission.stopper.email, *_it()]
    _tell("campaign_warned", permission, str(permission.pk), people, figures=figures)


def proposed(*, proposal: StopProposal) -> None:
    """The CIO office and IT, with the figures."""
    people = [*_office(), *_it()]
    _tell("campaign_over_limit", proposal.permission, str(proposal.pk), people, figures=proposal.figures)


def asked(*, permission: CampaignPermission) -> None:
    """The owner and the co-owner: what came of it?"""
    _tell("campaign_outcome", permission, str(permission.pk), notices.people_of(permission.grant))
