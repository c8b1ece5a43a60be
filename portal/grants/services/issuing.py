"""Issuing, renewing and changing grants, and extending one while its renewal is open."""

from typing import Any

from django.db import transaction

from portal.accounts.models import User
from portal.grants import announcements, dating
from portal.grants.models import Grant, GrantEvent, GrantRequest
from portal.grants.policies import check_grant_action, has_open_request, open_handover
from portal.grants.registry import granting_kind
from portal.grants.services.transition import change_grant, note_holders
from portal.grants.states import FINAL_STATES, GrantAction, GrantState
from portal.lib.problems import WrongState
from portal.workflow.kinds import Terms
from portal.workflow.models import DraftStep, Intention, ServiceRequest
from portal.workflow.services import requesting, taking_part


def issue(*, service_request: ServiceRequest, actor: User, terms: Terms) -> Grant:
    """Make the approved request take effect: a new grant, or a renewal or change of the one it is about.

    Runs inside the approval's transaction, so that an approval without its grant cannot exist. Raises
    WrongState if the grant was revoked or ended meanwhile: an approval does not restore it.
    """
    about = GrantRequest.objects.select_related("grant").filter(service_request=service_request).first()
    if about is None:
        return _issue_new(service_request, actor, terms)
    return _apply_to(about.grant, service_request, actor, terms)


def _issue_new(service_request: ServiceRequest, actor: User, terms: Terms) -> Grant:
    kind = granting_kind(service_request.kind)
    grant = Grant.objects.create(
        kind=service_request.kind,
        reference=service_request.reference,
        request=service_request,
        latest_request=service_request,
        state=GrantState.UNPROVEN if kind.needs_proof else GrantState.ACTIVE,
        owner=service_request.requester,
        co_owner=service_request.co_owner,
        department=service_request.department,
        functional_mailbox=service_request.functional_mailbox,
        title=service_request.title,
        subject_key=service_request.subject_key,
        starts_on=terms.starts_on,
        ends_on=terms.ends_on,
    )
    kind.write_permission(grant=grant, service_request=service_request, terms=terms)
    event = GrantEvent.objects.create(grant=grant, actor=actor, action="issue", to_state=grant.state)
    announcements.grant_changed.tell(event)
    return grant


def _apply_to(grant: Grant, service_request: ServiceRequest, actor: User, terms: Terms) -> Grant:
    renews = service_request.intention == Intention.RENEWAL
    if grant.state in FINAL_STATES:
        raise WrongState(
            f"{grant.reference} is {grant.get_state_display().lower()}, and an approval does not bring it back. "
            "Deny this request. Whoever needs the permission again files a new one."
        )
    reason = ""
    columns: dict[str, Any] = {
        "latest_request": service_request,
        "held_open_by": None,
        "title": service_request.title,
        "subject_key": service_request.subject_key,
        "department": service_request.department,
        "functional_mailbox": service_request.functional_mailbox,
        "co_owner": _co_owner(grant, service_request),
        "ends_on": max(terms.ends_on, grant.ends_on) if renews else terms.ends_on,
    }
    if grant.kind_entry.moves_its_term and not renews:
        columns["starts_on"] = terms.starts_on
    if grant.state == GrantState.LAPSED:
        # It starts again on the day of approval: the days between stay out of force.
        columns |= {"state": GrantState.ACTIVE, "starts_on": terms.starts_on}
        if suspension := _suspension_at_its_end(grant):
            # A renewal says that it is needed further, not that the reason of the suspension is gone.
            columns["state"] = GrantState.SUSPENDED
            reason = f"It was suspended when its term ended, and stays so until it is resumed. {suspension}"
    if columns.get("state", grant.state) == GrantState.ACTIVE and not grant.kind_entry.keeps_proof(
        grant=grant, service_request=service_request, terms=terms
    ):
        columns["state"] = GrantState.UNPROVEN
        reason = "What the evidence proved was changed; new evidence is needed."
    action = "renew" if renews else "change"
    change_grant(grant=grant, action=action, actor=actor, reason=reason, **columns)
    grant.kind_entry.write_permission(grant=grant, service_request=service_request, terms=terms)
    return grant


def _suspension_at_its_end(grant: Grant) -> str:
    """Why a lapsed grant was suspended when it lapsed; "" where it was not."""
    lapse = grant.events.filter(action="lapse").order_by("-pk").first()
    if lapse is None or lapse.from_state != GrantState.SUSPENDED:
        return ""
    suspension = grant.events.filter(to_state=GrantState.SUSPENDED, pk__lt=lapse.pk).order_by("-pk").first()
    return suspension.reason if suspension and suspension.reason else "The reason is in its history."


def _co_owner(grant: Grant, service_request: ServiceRequest) -> User | None:
    """The other person of the request. If the co-owner renews, the owner stays the owner."""
    if service_request.co_owner_id != grant.owner_id:
        return service_request.co_owner
    return grant.co_owner if service_request.requester_id == grant.co_owner_id else None


def hold_open(*, service_request: ServiceRequest) -> None:
    """A renewal submitted while its grant is in force keeps it in force until it is decided."""
    about = GrantRequest.objects.select_related("grant").filter(service_request=service_request).first()
    if about is None or about.intention != Intention.RENEWAL:
        return
    grant = about.grant
    if dating.today().is_in_force(grant) and grant.held_open_by_id is None:
        change_grant(
            grant=grant, action="hold", actor=service_request.requester, held_open_by=service_request
        )


def release_hold(*, service_request: ServiceRequest) -> None:
    """A renewal that was denied or withdrawn no longer extends its grant."""
    for grant in Grant.objects.filter(held_open_by=service_request):
        change_grant(grant=grant, action="release", actor=None, held_open_by=None)


def _sponsor(grant: Grant, actor: User) -> User | None:
    """The sponsor of the last request, unless that person files this one: a sponsor must be another person."""
    sponsor = grant.latest_request.sponsor
    return None if sponsor is None or sponsor.pk == actor.pk else sponsor


@transaction.atomic
def begin_renewal(*, grant: Grant, actor: User, intention: Intention = Intention.RENEWAL) -> ServiceRequest:
    """Start a renewal or change: a draft with the present answers. Raises NotAllowed or WrongState."""
    check_grant_action(
        GrantAction.RENEW if intention == Intention.RENEWAL else GrantAction.CHANGE, grant, actor
    )
    other = grant.co_owner if grant.owner_id == actor.pk else grant.owner
    service_request = requesting.create_draft(
        kind=grant.kind_entry,
        requester=actor,
        intention=intention,
        department=grant.department,
        co_owner=other,
        sponsor=_sponsor(grant, actor),
        functional_mailbox=grant.functional_mailbox,
        purpose=grant.latest_request.purpose,
        title=grant.title,
        subject_key=grant.subject_key,
    )
    # The counter of references is locked until the commit, so a concurrent call sees the other's draft.
    if has_open_request(grant):
        raise WrongState(f"A renewal or change of {grant.reference} was begun a moment ago.")
    GrantRequest.objects.create(service_request=service_request, grant=grant, intention=intention)
    kind = grant.kind_entry
    kind.copy_answers(grant=grant, service_request=service_request)
    taking_part.note_people(service_request=service_request)
    taking_part.copy_parts(source=grant.latest_request, target=service_request)
    taking_part.accept_for(service_request=service_request, people=[grant.owner_id])
    handover = open_handover(grant)
    note_holders(grant, grant.owner, grant.co_owner, handover.offered_to if handover else None)
    DraftStep.objects.bulk_create(
        DraftStep(service_request=service_request, step=step.key, is_complete=True)
        for step in kind.steps_for(service_request)
        if step.key not in kind.confirmed_steps
    )
    return service_request
