"""Keys that somebody else's service uses, or asks for: one DNS name has one key, and one key speaks for one service.

An alias lets whoever holds its target sign as the signing domain, so the same target under another name is the same
service, or a mistake, or somebody else's account at the vendor (AUT-3).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Q

from portal.grants.selectors import grant_of
from portal.grants.states import OPEN_STATES
from portal.lib.outcome import Outcome
from portal.workflow.findings import Finding, rule_for
from portal.workflow.models import ServiceRequest
from portal.workflow.selectors import filed_earlier
from portal.workflow.states import LIVE_STATES
from senders.models import AuthorizedSelector, RequestedSelector
from senders.plan import KeyPlan, Plan

CLAUSE = "AUT-3"


@dataclass(frozen=True)
class _Use:
    """One key of another permission, or of a request that was filed earlier."""

    reference: str
    selector: str
    domain: str
    kind: str
    value: str
    vendor: str
    people: frozenset[int]
    is_asked: bool

    @property
    def where(self) -> str:
        """What holds it, in words."""
        return f"{self.reference}, which is in review" if self.is_asked else self.reference

    def is_at(self, key: KeyPlan, domain: str) -> bool:
        """Whether it has the DNS name of `key`."""
        return (self.selector.lower(), self.domain.lower()) == (key.selector.lower(), domain.lower())

    def is_same_record(self, key: KeyPlan) -> bool:
        """Whether it leads where `key` leads, or is the same key."""
        return self.kind == key.kind and _plain(self.value) == _plain(key.value)


def _plain(text: str) -> str:
    return " ".join(text.casefold().rstrip(".").split())


def clashes(service_request: ServiceRequest, plan: Plan, vendor: str) -> list[Finding]:
    """What others hold or asked for before, of the keys of a request. Asks the database alone."""
    people = frozenset(
        pk for pk in (service_request.requester_id, service_request.co_owner_id) if pk is not None
    )
    uses = list(_uses(service_request, plan))
    found = []
    for key in plan.keys:
        for use in uses:
            if use.is_at(key, plan.signing_domain):
                is_one = use.is_same_record(key)
                found.append(
                    _same_name(key, plan.signing_domain, use, is_one=is_one, people=people, vendor=vendor)
                )
            elif use.is_same_record(key):
                found.append(_same_target(key, use, people, vendor))
    return found


def _same_name(
    key: KeyPlan, domain: str, use: _Use, *, is_one: bool, people: frozenset[int], vendor: str
) -> Finding:
    rule = rule_for("taken", key.selector)
    if is_one and use.people & people and _plain(use.vendor) == _plain(vendor):
        said = (
            f"The selector {key.selector} at {domain} is in {use.where} of the same owner and vendor, with the same key. "
            "Judge whether one permission is enough."
        )
        return Finding(CLAUSE, rule, Outcome.WARN, said, must=False, field="keys")
    whose = "another request’s" if use.is_asked else "another service’s"
    said = (
        f"{CLAUSE}: the selector {key.selector} at {domain} is {whose}, under {use.where}. Ask the vendor for another "
        "selector."
    )
    return Finding(
        CLAUSE,
        rule,
        Outcome.FAIL,
        said,
        field="keys",
        evidence={"value": key.selector, "held by": use.reference},
    )


def _same_target(key: KeyPlan, use: _Use, people: frozenset[int], vendor: str) -> Finding:
    rule = rule_for("target", f"{key.selector}:{use.reference}")
    name = f"{use.selector}._domainkey.{use.domain}"
    what = f"leads to {key.value}" if key.kind == "CNAME" else "has a key"
    who = [
        words
        for words, is_same in (
            ("owner", bool(use.people & people)),
            ("vendor", bool(_plain(vendor)) and _plain(use.vendor) == _plain(vendor)),
        )
        if is_same
    ]
    if who:
        said = (
            f"{key.selector} {what}, as {name} of {use.where} does, of the same {' and '.join(who)}. Whoever holds that key "
            "signs for both."
        )
        return Finding(CLAUSE, rule, Outcome.WARN, said, must=False, field="keys")
    said = (
        f"{CLAUSE}: {key.selector} {what} that {name} of {use.where} uses as well, of another owner and vendor. Whoever "
        "holds that key could sign for both. Ask the vendor for a key of your own; a reviewer may set this aside with "
        "a reason."
        if key.kind != "CNAME"
        else f"{CLAUSE}: {key.selector} {what}, where {name} of {use.where} leads as well, of another owner and vendor. "
        "Whoever holds that name could sign for both. Ask the vendor for a name of your own; a reviewer may set this "
        "aside with a reason."
    )
    return Finding(
        CLAUSE,
        rule,
        Outcome.FAIL,
        said,
        waivable=True,
        field="keys",
        evidence={"value": key.value[:300], "held by": use.reference},
    )


def _uses(service_request: ServiceRequest, plan: Plan) -> Iterator[_Use]:
    """The keys that share a name or a value with the plan, apart from those of the permission that it is about."""
    own = grant_of(service_request)
    held = AuthorizedSelector.objects.filter(authorization__grant__state__in=OPEN_STATES)
    held = held.filter(_concerned(plan.keys, plan.signing_domain, "authorization__"))
    rows = held.exclude(authorization__grant_id=own.pk if own else 0).order_by("pk")
    for row in rows.select_related("authorization__grant"):
        grant = row.authorization.grant
        people = frozenset(pk for pk in (grant.owner_id, grant.co_owner_id) if pk is not None)
        facts = (
            row.selector,
            row.authorization.signing_domain,
            row.kind,
            row.value,
            row.authorization.vendor,
        )
        yield _Use(grant.reference, *facts, people, is_asked=False)
    asked = RequestedSelector.objects.filter(
        filed_earlier("sender_request__service_request__", service_request),
        sender_request__service_request__state__in=LIVE_STATES,
    )
    keys = _fresh(plan, service_request)
    asked = asked.filter(_concerned(keys, plan.signing_domain, "sender_request__")).order_by("pk")
    for other in asked.select_related("sender_request__service_request__about_grant"):
        request = other.sender_request.service_request
        about = getattr(request, "about_grant", None)
        if own is not None and about is not None and about.grant_id == own.pk:
            continue  # Of two requests about one permission only one can be approved.
        people = frozenset(pk for pk in (request.requester_id, request.co_owner_id) if pk is not None)
        detail = other.sender_request
        yield _Use(
            request.reference,
            other.selector,
            detail.signing_domain,
            other.kind,
            other.value,
            detail.vendor,
            people,
            is_asked=True,
        )


def _fresh(plan: Plan, service_request: ServiceRequest) -> list[KeyPlan]:
    """The keys that the request's own permission does not hold: nobody holds up a renewal by asking for its keys."""
    own = grant_of(service_request)
    if own is None:
        return list(plan.keys)
    rows = AuthorizedSelector.objects.filter(
        authorization_id=own.pk, authorization__signing_domain__iexact=plan.signing_domain
    )
    held = {(row.selector.lower(), row.kind, _plain(row.value)) for row in rows}
    return [key for key in plan.keys if (key.selector.lower(), key.kind, _plain(key.value)) not in held]


def _concerned(keys: Sequence[KeyPlan], domain: str, plan: str) -> Q:
    wanted = Q(pk__in=())
    for key in keys:
        wanted |= Q(**{"selector__iexact": key.selector, f"{plan}signing_domain__iexact": domain})
        wanted |= Q(kind=key.kind, value__iexact=key.value) | Q(kind=key.kind, value__iexact=f"{key.value}.")
    return wanted
