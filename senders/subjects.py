"""Which sender authorizations, and which requests in review, concern a subject, by what they name now.

A DKIM key that is an alias of the vendor's name lets whoever holds that name sign as the signing domain, so the
target of each alias counts as much as the addresses in From.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from django.db.models import Q, QuerySet

from portal.grants.states import OPEN_STATES
from portal.grants.subjects import (
    Basis,
    DomainSubject,
    Hit,
    HostSubject,
    KeySubject,
    MailboxSubject,
    NameSubject,
    NetworkSubject,
    Subject,
    Vendor,
    at_or_below,
    in_chunks,
    mailbox_at_or_below,
)
from portal.institution import institution
from portal.mailauth.organizational import by_public_suffix
from portal.workflow.states import LIVE_STATES
from senders.models import (
    AuthorizedAddress,
    AuthorizedSelector,
    FromAddress,
    KeyKind,
    RequestedSelector,
    SenderAuthorization,
    SenderRequest,
)

_SPF_DOMAIN = re.compile(r"[-+~?]?(?:include|a|mx|exists|redirect)[:=]([^/\s]+)", re.IGNORECASE)
_SPF_NETWORK = re.compile(r"[-+~?]?ip[46]:(\S+)", re.IGNORECASE)


@dataclass(frozen=True)
class _Rows:
    """The rows of one side: what is authorized, or what is asked for."""

    plans: QuerySet[Any]
    addresses: QuerySet[Any]
    keys: QuerySet[Any]
    owner: str
    """The column of addresses and keys that names their plan, whose signing domain stands there."""


def _authorized() -> _Rows:
    of = {"authorization__grant__state__in": OPEN_STATES}
    return _Rows(
        SenderAuthorization.objects.filter(grant__state__in=OPEN_STATES),
        AuthorizedAddress.objects.filter(**of),
        AuthorizedSelector.objects.filter(**of),
        "authorization",
    )


def _asked() -> _Rows:
    of = {"sender_request__service_request__state__in": LIVE_STATES}
    return _Rows(
        SenderRequest.objects.filter(service_request__state__in=LIVE_STATES),
        FromAddress.objects.filter(**of),
        RequestedSelector.objects.filter(**of),
        "sender_request",
    )


def grants_that_allow(subject: Subject) -> Iterator[Hit]:
    """The open authorizations: by address, domain, envelope, key, alias target, SPF term, service and vendor."""
    return _hits(subject, _authorized())


def requests_that_would_allow(subject: Subject) -> Iterator[Hit]:
    """The requests in review, in the same way."""
    return _hits(subject, _asked())


def _hits(subject: Subject, rows: _Rows) -> Iterator[Hit]:
    if isinstance(subject, MailboxSubject):
        yield from _of_addresses(rows.addresses.filter(address=subject.address), rows)
    elif isinstance(subject, HostSubject):
        yield from _of_domains(
            rows, lambda field: Q(**{field: subject.name}), lambda name: name == subject.name
        )
    elif isinstance(subject, DomainSubject):
        yield from _of_addresses(rows.addresses.filter(mailbox_at_or_below("address", subject.name)), rows)
        yield from _of_domains(rows, lambda field: at_or_below(field, subject.name), subject.has)
    elif isinstance(subject, KeySubject):
        yield from _of_selector(subject, rows)
    elif isinstance(subject, NameSubject):
        words = Q(service_name__icontains=subject.words) | Q(vendor__icontains=subject.words)
        for pk, *names in rows.plans.filter(words).values_list("pk", "service_name", "vendor"):
            for name in filter(subject.names, names):
                yield Hit(pk, f"is {name}")
    elif isinstance(subject, NetworkSubject):
        for pk, term in rows.plans.filter(spf_term__icontains="ip").values_list("pk", "spf_term"):
            yield from _of_spf_network(pk, term, subject)


def _of_addresses(addresses: QuerySet[Any], rows: _Rows) -> Iterator[Hit]:
    for pk, address in addresses.values_list(f"{rows.owner}_id", "address"):
        yield Hit(pk, f"may send as {address}")


def _of_domains(rows: _Rows, named: Any, is_it: Any) -> Iterator[Hit]:
    fields = {
        "sending_domain": "sends as",
        "envelope_domain": "has the envelope domain",
        "signing_domain": "signs as",
    }
    wanted = Q(spf_term__contains=":") | Q(spf_term__contains="=")
    for field in fields:
        wanted |= named(field)
    for pk, term, *names in rows.plans.filter(wanted).values_list("pk", "spf_term", *fields):
        for words, name in zip(fields.values(), names, strict=True):
            if name and is_it(name.lower()):
                yield Hit(pk, f"{words} {name}")
        included = _SPF_DOMAIN.fullmatch(term or "")
        if included and is_it(included[1].lower().rstrip(".")):
            yield Hit(pk, f"its SPF term is {term}")
    aliases = rows.keys.filter(named("value"), kind=KeyKind.CNAME)
    yield from _of_keys(aliases, rows)


def _of_keys(keys: QuerySet[Any], rows: _Rows) -> Iterator[Hit]:
    columns = (f"{rows.owner}_id", "selector", "kind", "value", f"{rows.owner}__signing_domain")
    for pk, selector, kind, value, domain in keys.values_list(*columns):
        name = f"{selector}._domainkey.{domain}"
        if kind == KeyKind.CNAME:
            yield Hit(pk, f"DKIM key {name} points to {value}, which can sign as @{domain}")
        else:
            yield Hit(pk, f"DKIM key {name} signs as @{domain}")


def _of_selector(subject: KeySubject, rows: _Rows) -> Iterator[Hit]:
    ours = Q(selector__iexact=subject.selector)
    if subject.domain:
        ours &= Q(**{f"{rows.owner}__signing_domain__iexact": subject.domain})
        ours |= Q(kind=KeyKind.CNAME, value__iexact=str(subject))
    yield from _of_keys(rows.keys.filter(ours), rows)


def _of_spf_network(pk: int, term: str, subject: NetworkSubject) -> Iterator[Hit]:
    found = _SPF_NETWORK.fullmatch(term)
    if found is None:
        return
    try:
        network = ip_network(found[1], strict=False)
    except ValueError:
        return
    if why := subject.allowed_by(network):
        yield Hit(pk, f"its SPF term {why}")


# ---------------------------------------------------------------- what depends on what
def vendors_of(grants: Iterable[int]) -> Iterator[Vendor]:
    """The vendor of each authorization, with the organizational domains of its aliases, envelope and SPF term, less ours."""
    for keys in in_chunks(frozenset(grants)):
        domains: dict[int, set[str]] = {}
        aliases = AuthorizedSelector.objects.filter(authorization__in=keys, kind=KeyKind.CNAME)
        for pk, value in aliases.values_list("authorization_id", "value"):
            domains.setdefault(pk, set()).add(value.lower().rpartition("_domainkey.")[2])
        plans = SenderAuthorization.objects.filter(pk__in=keys)
        for pk, name, envelope, term in plans.values_list("pk", "vendor", "envelope_domain", "spf_term"):
            found = domains.get(pk, set()) | {envelope.lower()}
            if included := _SPF_DOMAIN.fullmatch(term or ""):
                found.add(included[1].lower())
            owners = {by_public_suffix(domain.rstrip(".")) for domain in found if domain}
            yield Vendor(name, frozenset(owner for owner in owners if not _is_ours(owner)))


def _is_ours(domain: str) -> bool:
    return DomainSubject(institution().mail_domain).has(domain)


def dependents(basis: Basis) -> Iterator[Hit]:
    """The authorizations of the same vendor; for an address, those whose keys can sign as it without being allowed to."""
    names = {vendor.name.casefold() for vendor in basis.vendors if vendor.name}
    if names:
        open_ones = SenderAuthorization.objects.filter(grant__state__in=OPEN_STATES)
        for pk, name in open_ones.values_list("pk", "vendor"):
            if name.casefold() in names:
                yield Hit(pk, f"is of the same vendor, {name}")
    if isinstance(basis.subject, MailboxSubject):
        rows = _authorized()
        for hit in _of_keys(rows.keys.filter(authorization__signing_domain=basis.subject.domain), rows):
            yield Hit(hit.pk, f"{hit.why}, so also as {basis.subject}")
