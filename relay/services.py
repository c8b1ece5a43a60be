"""Writes of the relay room, and the small reads that its forms and rules share."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from portal.accounts.models import User
from portal.grants.models import Grant, GrantRequest
from portal.lib.networks import shown
from portal.lib.problems import NotAllowed, WrongState
from portal.outbox.services import enqueue
from portal.workflow.kinds import TERM, Cut
from portal.workflow.models import Event, ServiceRequest
from portal.workflow.states import OPEN_STATES
from relay import volume
from relay.models import (
    PermittedAddress,
    PermittedSender,
    Recipients,
    RelayPermission,
    RelayRequest,
    RelaySender,
    bounds,
)

if TYPE_CHECKING:
    from portal.workflow.kinds import Terms


def addresses_of(service_request: ServiceRequest) -> list[str]:
    """The networks of the request as people write them."""
    return [_shown(row.network) for row in RelayRequest.of(service_request).addresses.all()]


def senders_of(service_request: ServiceRequest) -> list[str]:
    """The senders of the request."""
    return [row.address for row in RelayRequest.of(service_request).senders.all()]


def related_permissions(service_request: ServiceRequest) -> list[RelayPermission]:
    """The permissions in force of the same owner, department or senders, apart from the request's own."""
    own = GrantRequest.objects.filter(service_request=service_request).values("grant_id")
    grants = Grant.objects.in_force(timezone.localdate()).filter(kind="relay").exclude(pk__in=own)
    # One question each: with OR between them PostgreSQL reads every permission there is.
    keys = set(grants.filter(owner=service_request.requester).values_list("pk", flat=True))
    if service_request.department:
        keys |= set(grants.filter(department=service_request.department).values_list("pk", flat=True))
    senders = PermittedSender.objects.filter(
        address__in=senders_of(service_request), permission__grant__in=grants
    )
    keys |= set(senders.values_list("permission_id", flat=True))
    return list(
        RelayPermission.objects.filter(pk__in=keys).select_related("grant").order_by("grant__reference")
    )


def write_permission(*, grant: Grant, service_request: ServiceRequest, terms: "Terms") -> RelayPermission:
    """Write what a grant allows: the request's answers, less what the reviewer cut."""
    detail = RelayRequest.of(service_request)
    permission, _ = RelayPermission.objects.update_or_create(
        grant=grant, defaults={"hostname": detail.hostname, **permitted_mail(detail, terms)}
    )
    permission.addresses.all().delete()
    permission.senders.all().delete()
    kept_addresses = terms.keep.get("addresses", addresses_of(service_request))
    kept_senders = terms.keep.get("senders", senders_of(service_request))
    PermittedAddress.objects.bulk_create(
        PermittedAddress(permission=permission, network=row.network, first=first, last=last)
        for row in detail.addresses.all()
        if _shown(row.network) in kept_addresses
        for first, last in [bounds(row.network)]
    )
    PermittedSender.objects.bulk_create(
        PermittedSender(permission=permission, address=row.address)
        for row in detail.senders.all()
        if row.address in kept_senders
    )
    return permission


def permitted_mail(detail: RelayRequest, terms: "Terms") -> dict[str, Any]:
    """To whom and how much, as columns of the permission: what was asked for, less what `terms` cut, never more."""
    recipients, domains = _permitted_scope(detail, terms)
    per_day = _lowered("per_day", volume.per_day(detail), terms)
    external = None
    if recipients != Recipients.INTERNAL:
        external = _lowered("external_per_day", volume.external_per_day(detail), terms)
    return {
        "recipients": recipients,
        "recipient_domains": "\n".join(domains),
        "peak_per_hour": _lowered("peak_per_hour", detail.peak_per_hour, terms),
        "per_day": per_day,
        "external_per_day": external if per_day is None or external is None else min(external, per_day),
    }


def _permitted_scope(detail: RelayRequest, terms: "Terms") -> tuple[str, list[str]]:
    asked, domains = Recipients(detail.recipients), detail.recipient_domains.split()
    wanted = Recipients(next(iter(terms.keep.get("recipients", [])), asked))
    granted = wanted if wanted in narrower(asked) else asked
    if granted != Recipients.DOMAINS:
        return granted, []
    kept = list(terms.keep.get("recipient_domains", domains))
    return granted, kept if asked == Recipients.ANYONE else [name for name in domains if name in kept]


def narrower(asked: str) -> list[Recipients]:
    """The scopes that a reviewer may grant where `asked` is asked for: that one first, then what is less."""
    widest_first = [Recipients.ANYONE, Recipients.DOMAINS, Recipients.INTERNAL]
    return widest_first[widest_first.index(Recipients(asked)) :]


def _lowered(name: str, asked: int | None, terms: "Terms") -> int | None:
    return asked if asked is None else min(asked, terms.at_most.get(name, asked))


def cuts(service_request: ServiceRequest, terms: "Terms", found: Sequence[Cut]) -> list[Cut]:
    """The cuts of a decision, `found` by the engine, with recipients and volume in the words of the answers."""
    detail = RelayRequest.of(service_request)
    granted = permitted_mail(detail, terms)
    others = [cut for cut in found if cut.field in ("senders", "addresses", TERM)]
    asked_per_day = volume.per_day(detail)
    figures = [
        ("most_per_day", "Most recipients on one day", asked_per_day, granted["per_day"]),
        ("external_per_day", "To the outside, a day", detail.external_per_day, granted["external_per_day"]),
        ("peak_per_hour", "Most in one hour", detail.peak_per_hour, granted["peak_per_hour"]),
    ]
    words = [
        (
            "recipients",
            "Recipients",
            detail.get_recipients_display(),
            Recipients(granted["recipients"]).label,
        ),
        ("recipient_domains", "Other domains", detail.recipient_domains, granted["recipient_domains"]),
        *((field, label, number(asked), number(given)) for field, label, asked, given in figures),
    ]
    return [Cut(*row) for row in words if row[2] != row[3]] + others


def number(value: int | None) -> str:
    """A figure as people read it; "" for none."""
    return "" if value is None else f"{value:,}"


def _shown(network: str) -> str:
    return shown(ip_network(network))


def granted_answers(grant: Grant) -> dict[str, Any]:
    """What a renewal begins with: the addresses and senders of the permission, to whom and how much it allows."""
    permission = grant.relay
    return {
        "addresses": [ip_network(row.network) for row in permission.addresses.all()],
        "senders": [row.address for row in permission.senders.all()],
        **_mail_in_force(permission, RelayRequest.of(grant.latest_request)),
    }


def copy_consents(*, source: ServiceRequest, target: ServiceRequest) -> None:
    """Let a renewal begin with the consents that were given for its senders."""
    given = {row.address: row for row in RelayRequest.of(source).senders.all()}
    rows = [row for row in RelayRequest.of(target).senders.all() if row.address in given]
    for row in rows:
        row.asked_of = given[row.address].asked_of
        row.consent_given_at = given[row.address].consent_given_at
    RelaySender.objects.bulk_update(rows, ["asked_of", "consent_given_at"])


def _mail_in_force(permission: RelayPermission, old: RelayRequest) -> dict[str, Any]:
    """To whom and how much a permission allows, as answers: what was granted, and not what was wished."""
    columns: dict[str, Any] = {
        "recipients": permission.recipients,
        "recipient_domains": permission.recipient_domains,
        "peak_per_hour": old.peak_per_hour if permission.peak_per_hour is None else permission.peak_per_hour,
    }
    asked = volume.per_day(old)
    if permission.per_day is not None and (asked is None or permission.per_day < asked):
        columns["most_per_day"] = permission.per_day
    if permission.recipients == Recipients.INTERNAL:
        columns["external_per_day"] = None
    elif permission.external_per_day is not None and old.external_per_day is not None:
        columns["external_per_day"] = min(permission.external_per_day, old.external_per_day)
    return columns


# ---------------------------------------------------------------- consent
@transaction.atomic
def ask_consent(*, service_request: ServiceRequest, needed: Mapping[str, str], actor: User) -> int:
    """Ask for the senders that are not the requester's to lend; returns how many people were asked.

    `needed` names, by sender, the person to ask. Each is asked once; where the person has changed since, the answer of
    the former one counts no longer. What the actor may lend, the actor has lent by submitting.
    """
    senders = RelaySender.objects.filter(relay_request_id=service_request.pk, address__in=needed)
    count = 0
    for sender in senders:
        asked_of, now = needed[sender.address], timezone.now()
        if sender.asked_of != asked_of:
            sender.asked_of = asked_of
            sender.consent_asked_at = sender.consent_given_at = sender.consent_refused_at = None
        if asked_of == actor.email:
            sender.consent_given_at = sender.consent_given_at or now
            sender.consent_refused_at = None
        elif sender.consent_asked_at is None and sender.consent_given_at is None:
            sender.consent_asked_at = now
            _tell_of(service_request, sender, actor)
            count += 1
        sender.save()
    RelayRequest.forget(service_request)
    return count


def _tell_of(service_request: ServiceRequest, sender: RelaySender, actor: User) -> None:
    enqueue(
        recipient=sender.asked_of,
        template="sender_consent",
        thread=service_request.reference,
        unique_key=f"sender_consent:{sender.pk}:{sender.asked_of}",
        context={
            "reference": service_request.reference,
            "title": service_request.title,
            "address": sender.address,
            "is_own": sender.address == sender.asked_of,
            "actor": str(actor),
            "comment": service_request.purpose,
            "path": f"/relay/consent/{sender.pk}/",
        },
    )


@transaction.atomic
def answer_consent(*, sender: RelaySender, actor: User, agree: bool) -> None:
    """Record the answer of the person who was asked. Raises NotAllowed or WrongState."""
    if actor.email != sender.asked_of:
        raise NotAllowed("Only the person whose address it is, or who owns the mailbox, can answer this.")
    service_request = sender.relay_request.service_request
    if service_request.state not in OPEN_STATES:
        raise WrongState(f"{service_request.reference} is decided already.")
    sender.consent_given_at = timezone.now() if agree else None
    sender.consent_refused_at = None if agree else timezone.now()
    sender.save(update_fields=["consent_given_at", "consent_refused_at"])
    Event.objects.create(
        service_request=service_request,
        actor=actor,
        action="consent",
        comment=f"{sender.address}: {'agreed' if agree else 'refused'}",
        from_state=service_request.state,
        to_state=service_request.state,
        stage=service_request.stage,
    )
