"""Relay volume split over several requests: what the same owner, department or senders may send in all (MKT-4).

Whoever files ten requests below the limit of the CIO's stage sends as much as one far above it, so the sum of what is
permitted and of what waits in review decides whether a request takes that stage. The institution says by what they
belong together (`volume_counts_together`); docs/decisions/0014-relay-volumes.md has the reasons.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from portal.accounts.models import DirectoryAddress
from portal.grants.models import GrantRequest
from portal.grants.states import OPEN_STATES
from portal.institution import institution
from portal.workflow.models import Intention, ServiceRequest
from portal.workflow.states import LIVE_STATES
from relay import services, volume
from relay.models import PermittedSender, RelayPermission, RelayRequest, RelaySender

NAMED = 5


@dataclass(frozen=True)
class Together:
    """What a request and all that belongs together with it would allow, in recipients a day."""

    per_day: int
    external: int
    references: tuple[str, ...]
    """Some of the other permissions and requests, for people."""
    others: int
    """How many others there are."""

    @property
    def is_large(self) -> bool:
        """Whether that is more than the institution lets pass without the CIO."""
        place = institution()
        over = self.per_day > place.daily_volume_limit or self.external > place.daily_external_limit
        return self.others > 0 and over


def together(service_request: ServiceRequest) -> Together | None:
    """The sum for a request; None where it adds nothing to what its own permission allows. Read once for an instance."""
    if "_relay_together" not in service_request.__dict__:
        service_request.__dict__["_relay_together"] = _together(service_request)
    found: Together | None = service_request.__dict__["_relay_together"]
    return found


def forget(service_request: ServiceRequest) -> None:
    """Sum up anew next time."""
    service_request.__dict__.pop("_relay_together", None)


def _together(service_request: ServiceRequest) -> Together | None:
    detail = RelayRequest.of(service_request)
    most, external = volume.per_day(detail), volume.external_per_day(detail)
    if most is None or external is None or not institution().volume_counts_together:
        return None
    own = _own_permission(service_request)
    if own is not None and not _adds(own, most, external):
        return None
    colleagues = _colleagues(service_request)
    permitted = [row for row in _permitted(service_request, colleagues) if own is None or row[0] != own.pk]
    waiting = list(_waiting(service_request, own, colleagues))
    names = [row[3] for row in permitted] + [row.service_request.reference for row, _, _ in waiting]
    return Together(
        per_day=most + sum(row[1] or 0 for row in permitted) + sum(row[1] for row in waiting),
        external=external + sum(row[2] or 0 for row in permitted) + sum(row[2] for row in waiting),
        references=tuple(names[:NAMED]),
        others=len(names),
    )


def _own_permission(service_request: ServiceRequest) -> RelayPermission | None:
    """What the permission that the request renews or changes allows; None for a new request."""
    if service_request.intention == Intention.NEW:
        return None
    about = GrantRequest.objects.filter(service_request=service_request)
    return RelayPermission.objects.filter(grant__in=about.values("grant")).first()


def _adds(own: RelayPermission, most: int, external: int) -> bool:
    """Whether a renewal or change asks for more than its permission allows: only growth is judged with the others."""
    more = own.per_day is not None and most > own.per_day
    return more or external > (own.external_per_day or 0 if own.per_day is not None else external)


_Colleagues = QuerySet[DirectoryAddress, str] | None


def _colleagues(service_request: ServiceRequest) -> _Colleagues:
    """The people of the requester's department by the directory, which nobody writes about themselves."""
    if "department" not in institution().volume_counts_together:
        return None
    known = DirectoryAddress.objects.filter(gone_at__isnull=True)
    mine = known.filter(address=service_request.requester.email).values_list("department", flat=True).first()
    return known.filter(department__iexact=mine).values_list("address", flat=True) if mine else None


def _people(service_request: ServiceRequest) -> list[int]:
    return [pk for pk in (service_request.requester_id, service_request.co_owner_id) if pk is not None]


_Row = tuple[int, int | None, int | None, str]


def _permitted(service_request: ServiceRequest, colleagues: _Colleagues) -> list[_Row]:
    """The permissions that may be used now or later and belong together with the request: key, figures, reference."""
    by, people = institution().volume_counts_together, _people(service_request)
    rows = RelayPermission.objects.filter(grant__state__in=OPEN_STATES)
    parts: list[QuerySet[RelayPermission]] = []
    if "owner" in by:
        parts += [rows.filter(grant__owner__in=people), rows.filter(grant__co_owner__in=people)]
    if "department" in by and (key := services.department_key(service_request.department)):
        parts.append(rows.filter(department_key=key))
    if colleagues is not None:
        parts.append(rows.filter(grant__owner__email__in=colleagues))
    if "sender" in by:
        senders = PermittedSender.objects.filter(address__in=services.senders_of(service_request))
        parts.append(rows.filter(pk__in=senders.values("permission")))
    if not parts:
        return []
    # One question each, joined by UNION: with OR between them PostgreSQL reads every permission there is.
    columns = ("pk", "per_day", "external_per_day", "grant__reference")
    first, *rest = [part.order_by().values_list(*columns) for part in parts]
    return sorted(first.union(*rest), key=lambda row: row[0])


def _waiting(
    service_request: ServiceRequest, own: RelayPermission | None, colleagues: _Colleagues
) -> Iterator[tuple[RelayRequest, int, int]]:
    """The other requests in review, with what each would add to what is permitted."""
    by, belongs = institution().volume_counts_together, Q(pk__in=())
    if "owner" in by:
        belongs |= Q(service_request__requester__in=_people(service_request))
    if "department" in by and service_request.department:
        belongs |= Q(service_request__department__iexact=service_request.department)
    if colleagues is not None:
        belongs |= Q(service_request__requester__email__in=colleagues)
    if "sender" in by:
        senders = RelaySender.objects.filter(address__in=services.senders_of(service_request))
        belongs |= Q(pk__in=senders.values("relay_request"))
    rows = (
        RelayRequest.objects.filter(belongs, service_request__state__in=LIVE_STATES)
        .exclude(pk=service_request.pk)
        .select_related("service_request__about_grant__grant__relay")
        .order_by("pk")
    )
    for row in rows:
        about = getattr(row.service_request, "about_grant", None)
        held = about.grant.relay if about is not None else None
        if held is not None and own is not None and held.pk == own.pk:
            continue  # Of two requests about one permission only one can be approved.
        most = volume.per_day(row)
        external = volume.external_per_day(row)
        most = institution().daily_volume_limit if most is None else most
        external = most if external is None else external
        yield (
            row,
            max(0, most - (held.per_day or 0 if held is not None else 0)),
            max(0, external - (held.external_per_day or 0 if held is not None else 0)),
        )


def why_large(service_request: ServiceRequest) -> str:
    """Why a request takes the stage of the CIO's office, in a sentence; "" where it does not."""
    place, detail = institution(), RelayRequest.of(service_request)
    if volume.is_large(detail):
        return (
            f"MKT-4: it asks for more than {place.daily_volume_limit:,} recipients a day, or for more than "
            f"{place.daily_external_limit:,} outside {place.mail_domain}."
        )
    found = together(service_request)
    if found is None or not found.is_large:
        return ""
    more = f" and {found.others - len(found.references)} more" if found.others > len(found.references) else ""
    return (
        f"MKT-4: with {', '.join(found.references)}{more} of the same {_same()} this allows {found.per_day:,} recipients "
        f"a day, {found.external:,} of them outside {place.mail_domain}. The limits are {place.daily_volume_limit:,} and "
        f"{place.daily_external_limit:,}."
    )


def _same() -> str:
    names = list(institution().volume_counts_together)
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]


def needs_the_cio(service_request: ServiceRequest) -> bool:
    """Whether the request takes the stage of the CIO's office; one that is or was there stays, whatever comes since."""
    if service_request.stage == "cio":
        return True
    if not service_request.is_open:  # What others got since is no matter of a decided request.
        return volume.is_large(RelayRequest.of(service_request))
    return bool(why_large(service_request))
