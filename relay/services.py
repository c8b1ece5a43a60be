"""Services of relay requests, and small queries that their forms and rules share."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from portal.accounts.models import User
from portal.grants.models import Grant
from portal.grants.services import permitting
from portal.lib.networks import shown
from portal.workflow.kinds import TERM, Cut
from portal.workflow.models import ServiceRequest
from portal.workflow.services import consenting
from relay import volume
from relay.models import (
    PermittedAddress,
    PermittedSender,
    Recipients,
    RelayPermission,
    RelayRequest,
    RelaySender,
)

if TYPE_CHECKING:
    from portal.workflow.kinds import Terms


def addresses_of(service_request: ServiceRequest) -> list[str]:
    """The networks of the request as people write them."""
    return [shown(row.network) for row in RelayRequest.of(service_request).addresses.all()]


def senders_of(service_request: ServiceRequest) -> list[str]:
    """The senders of the request."""
    return [row.address for row in RelayRequest.of(service_request).senders.all()]


def department_key(name: str) -> str:
    """A department as it is compared: in one case, and with single blanks."""
    return " ".join(name.casefold().split())


def write_permission(*, grant: Grant, service_request: ServiceRequest, terms: "Terms") -> RelayPermission:
    """Write what a grant allows: the request's answers, less what the reviewer cut."""
    detail = RelayRequest.of(service_request)
    permission = permitting.write_permission(
        model=RelayPermission,
        grant=grant,
        detail=detail,
        instead={
            "department_key": department_key(service_request.department),
            **permitted_mail(detail, terms),
        },
    )
    permission.addresses.all().delete()
    permission.senders.all().delete()
    kept_addresses = terms.keep.get("addresses", addresses_of(service_request))
    kept_senders = terms.keep.get("senders", senders_of(service_request))
    PermittedAddress.objects.bulk_create(
        PermittedAddress(permission=permission, network=row.network)
        for row in detail.addresses.all()
        if shown(row.network) in kept_addresses
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


def granted_answers(grant: Grant) -> dict[str, Any]:
    """What a renewal begins with: the addresses and senders of the permission, to whom and how much it allows."""
    permission = grant.relay
    return {
        "addresses": [row.network for row in permission.addresses.all()],
        "senders": [row.address for row in permission.senders.all()],
        **_mail_in_force(permission, RelayRequest.of(grant.latest_request)),
    }


def copy_consents(*, source: ServiceRequest, target: ServiceRequest) -> None:
    """Let a renewal begin with the consents that were given for its senders."""
    for address, answer in consenting.answers_of(RelayRequest.of(source).senders.all()).items():
        RelaySender.objects.filter(relay_request_id=target.pk, address=address).update(**answer)
    RelayRequest.forget(target)


def _mail_in_force(permission: RelayPermission, old: RelayRequest) -> dict[str, Any]:
    """The recipients and volume that a permission allows, as answers: what was approved, not what was requested."""
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
def ask_consent(*, service_request: ServiceRequest, needed: Mapping[str, str], actor: User) -> int:
    """Ask for the senders that are not the requester's to lend (portal.workflow.services.consenting.ask)."""
    senders = RelaySender.objects.filter(relay_request_id=service_request.pk)
    count = consenting.ask(service_request=service_request, rows=senders, needed=needed, actor=actor)
    RelayRequest.forget(service_request)
    return count
