"""The checks of a relay request. Each finding cites a clause, says one sentence, and keeps its evidence."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from ipaddress import IPv4Network
from typing import Any

from django.db.models import Q
from django.utils import timezone

from portal.accounts.directory import DirectoryUnavailable, Entry, directory
from portal.accounts.models import AddressKind
from portal.grants.models import Grant, GrantRequest
from portal.institution import institution
from portal.lib.networks import Network, is_inside, overlaps, parse_network, shown
from portal.lib.outcome import Outcome
from portal.workflow.findings import Found
from portal.workflow.models import ServiceRequest
from relay import names, services
from relay.models import Capability, Contents, PermittedAddress, Recipients, SystemKind, Tls, bounds

LARGEST_RANGE = 1 << 7
"""No range that was ever granted is larger; it bounds the index scan for overlaps."""


# ---------------------------------------------------------------- addresses: REL-2, WKS-1, REL-1
def address_findings(service_request: ServiceRequest, networks: Sequence[Network]) -> list[Found]:
    """Every address on campus, fit to relay, a host's own, and in no other grant."""
    findings = [finding for network in networks for finding in _one_address(network)]
    return findings + _taken(service_request, networks) + _inner_overlaps(networks)


def _one_address(network: Network) -> list[Found]:
    place, name = institution(), shown(network)
    if not is_inside(network, place.campus):
        return [
            _fail(
                "REL-2",
                "on-campus",
                f"REL-2: {name} is outside {place.network_name}. External systems may "
                "not relay. A vendor’s service asks for an Intended Use of Technology authorization.",
                name,
            )
        ]
    for closed, entry in place.closed:
        if overlaps(network, closed):
            clause = "WKS-1" if entry.use == "workstation" else "REL-2"
            step = (
                f"Use {place.authenticated_smtp_host} with sign-in there."
                if entry.use == "workstation"
                else "Give the system a fixed address of its own first."
            )
            return [_fail(clause, "closed-network", f"{clause}: {name} is in {entry.label}. {step}", name)]
    return _range_findings(network) or [
        _pass("REL-2", "on-campus", f"{name} is on {place.network_name}.", name)
    ]  # fmt: skip


def _range_findings(network: Network) -> list[Found]:
    place, name = institution(), shown(network)
    largest = place.largest_ipv4_range if network.version == 4 else place.largest_ipv6_range
    if network.prefixlen < largest:
        return [_fail("REL-1", "range-size", f"REL-1: {name} has {network.num_addresses} addresses. The largest "
                      f"range is /{largest}; name the systems’ own addresses.", name)]  # fmt: skip
    if network.num_addresses == 1 and isinstance(network, IPv4Network) and _is_edge(network):
        return [_fail("REL-2", "edge-address", f"REL-2: {name} is a network or broadcast address. Enter the "
                      "system’s own address.", name)]  # fmt: skip
    return []


def _is_edge(network: IPv4Network) -> bool:
    # Campus subnets are /24s: the first and the last address of one never belong to a host.
    return int(network.network_address) & 0xFF in (0, 0xFF)


def clashes(service_request: ServiceRequest) -> list[Found]:
    """What another grant holds by now. Asks the database alone: an approval asks it again under its lock."""
    rows = services.detail_of(service_request).addresses.all()
    return _taken(service_request, [parse_network(row.network) for row in rows])


def _taken(service_request: ServiceRequest, networks: Sequence[Network]) -> list[Found]:
    own = (
        GrantRequest.objects.filter(service_request=service_request)
        .values_list("grant_id", flat=True)
        .first()
    )
    findings = []
    for network in networks:
        holder = _holder_of(network, own)
        if holder is not None:
            findings.append(_fail(
                "REL-1", "taken", f"REL-1: {shown(network)} may relay already, under {holder.reference} of "
                f"{holder.owner} ({holder.department or holder.owner.email}). Ask them for a change, or to hand "
                "it over.", shown(network), grant=holder.reference,
            ))  # fmt: skip
    return findings


def _holder_of(network: Network, own_grant: int | None) -> Grant | None:
    first, last = bounds(network)
    version, digits = first.split(":")
    lowest = f"{version}:{max(int(digits, 16) - LARGEST_RANGE, 0):0{len(digits)}x}"
    row = (
        PermittedAddress.objects.filter(Q(first__gte=lowest) & Q(first__lte=last), last__gte=first)
        .filter(permission__grant__in=Grant.objects.in_force(timezone.localdate()))
        .exclude(permission__grant_id=own_grant or 0)
        .select_related("permission__grant__owner")
        .first()
    )
    return row.permission.grant if row else None


def _inner_overlaps(networks: Sequence[Network]) -> list[Found]:
    for position, network in enumerate(networks):
        for other in networks[position + 1 :]:
            if overlaps(network, other):
                sentence = f"REL-1: {shown(network)} and {shown(other)} overlap. Name each address once."
                return [_fail("REL-1", "overlap", sentence, shown(network))]
    return []


# ---------------------------------------------------------------- host name
def hostname_findings(hostname: str, networks: Iterable[Network]) -> list[Found]:
    """Forward and reverse DNS of the name and the addresses; a mismatch is for the reviewer to weigh."""
    answer = names.look_up(hostname, [str(n.network_address) for n in networks if n.num_addresses == 1])
    evidence = {"hostname": hostname, "addresses": answer.addresses, "reverse": answer.reverse}

    def found(rule: str, outcome: Outcome, sentence: str) -> Found:
        return Found("REL-2", rule, outcome, sentence, must=False, field="hostname", evidence=evidence)

    if answer.forward is None:
        return [found("forward-dns", Outcome.UNKNOWN, f"The DNS did not answer for {hostname}. It is asked again "
                      "at submission and before the decision.")]  # fmt: skip
    if not answer.forward:
        return [found("forward-dns", Outcome.WARN, f"{hostname} has no address in the DNS.")]
    findings = [_agreement(found, hostname, answer)]
    return findings + [_reverse(found, hostname, address, back) for address, back in answer.reverse.items()]


def _agreement(found: Callable[..., Found], hostname: str, answer: names.NameAnswer) -> Found:
    missing = [address for address in answer.reverse if address not in (answer.forward or [])]
    if missing:
        names = ", ".join(answer.forward or [])
        return found(
            "forward-dns", Outcome.WARN, f"{hostname} leads to {names}, not to {', '.join(missing)}."
        )
    return found("forward-dns", Outcome.PASS, f"{hostname} leads to {', '.join(answer.forward or [])}.")


def _reverse(found: Callable[..., Found], hostname: str, address: str, back: list[str] | None) -> Found:
    if back is None:
        return found(
            "reverse-dns", Outcome.UNKNOWN, f"The DNS did not answer for the reverse name of {address}."
        )
    if hostname in back:
        return found("reverse-dns", Outcome.PASS, f"{address} leads back to {hostname}.")
    instead = f"leads back to {', '.join(back)}" if back else "has no reverse name"
    return found("reverse-dns", Outcome.WARN, f"{address} {instead}, not to {hostname}.")


# ---------------------------------------------------------------- senders: REL-3, OVR-5
def sender_findings(service_request: ServiceRequest, addresses: Sequence[str]) -> list[Found]:
    """Every sender known to the directory, not privileged, and agreed to by the person whose it is."""
    try:
        entries = directory().lookup(addresses)
    except DirectoryUnavailable:
        return [Found("REL-3", "directory", Outcome.UNKNOWN, "The directory did not answer; the senders are "
                      "checked again later.", field="senders")]  # fmt: skip
    consents = _consents(service_request)
    return [_sender(service_request, address, entries, consents) for address in addresses]


def _consents(service_request: ServiceRequest) -> Mapping[str, Any]:
    return {row.address: row for row in services.detail_of(service_request).senders.all()}


def _sender(
    service_request: ServiceRequest, address: str, entries: Mapping[str, Entry], consents: Mapping[str, Any]
) -> Found:
    place, entry = institution(), entries.get(address)
    local = address.partition("@")[0]
    if local in place.privileged_mailboxes:
        return _fail("OVR-5", "privileged", f"OVR-5: {address} speaks for an office and is not lent to systems. "
                     "Use a mailbox of the system’s own.", address, field="senders")  # fmt: skip
    if entry is None:
        return _fail("REL-3", "directory", f"REL-3: the directory does not know {address}. Ask {place.it_name} to "
                     "create the mailbox first, or correct the address.", address, field="senders")  # fmt: skip
    if entry.kind == AddressKind.PERSON and address != service_request.requester.email:
        return _consent(address, consents.get(address))
    return _pass("REL-3", "directory", f"{address} is a valid sender.", address, field="senders")


def _consent(address: str, sender: Any) -> Found:
    rule = f"consent:{address}"
    if sender is not None and sender.consent_given_at is not None:
        return _pass(
            "REL-3", rule, f"{address} is a person’s own; that person agreed.", address, field="senders"
        )
    if sender is not None and sender.consent_refused_at is not None:
        return _fail("REL-3", rule, f"REL-3: the person whose address is {address} refused. Use another sender.",
                     address, field="senders")  # fmt: skip
    return _fail("REL-3", rule, f"REL-3: {address} is a person’s own address. We ask that person by mail when you "
                 "submit; it cannot be approved before they agree.", address, field="senders")  # fmt: skip


# ---------------------------------------------------------------- the whole request
def check(service_request: ServiceRequest) -> list[Found]:
    """Every check of a relay request, in the order of the standards."""
    detail = services.detail_of(service_request)
    networks = [parse_network(row.network) for row in detail.addresses.all()]
    senders = [row.address for row in detail.senders.all()]
    return [
        _system(detail),
        *(address_findings(service_request, networks) or [_missing("REL-2", "address", "an address")]),
        *hostname_findings(detail.hostname, networks),
        *(sender_findings(service_request, senders) or [_missing("REL-3", "sender", "a sender")]),
        *_mail(detail),
    ]


def _missing(clause: str, rule: str, what: str) -> Found:
    return Found(clause, rule, Outcome.FAIL, f"{clause}: {what} is missing.")


def _system(detail: Any) -> Found:
    label = detail.get_system_kind_display()
    if detail.system_kind == SystemKind.WORKSTATION:
        return Found(
            "WKS-1", "system-kind", Outcome.FAIL, "WKS-1: a workstation signs in; it does not relay."
        )
    if not detail.system_kind or not detail.is_attested:
        return Found(
            "REL-0", "system-kind", Outcome.FAIL, "REL-0: the statement about the system is missing."
        )
    if detail.capability == Capability.OAUTH:
        return Found("REL-0", "system-kind", Outcome.WARN, f"{label} could sign in with OAuth 2; the requester says "
                     "why it does not.", evidence={"reason": detail.capability_reason})  # fmt: skip
    return Found("REL-0", "system-kind", Outcome.PASS, f"{label} may relay.")


def _mail(detail: Any) -> list[Found]:
    place, findings = institution(), []
    external = detail.external_per_day or 0
    if (detail.typical_per_day or 0) > place.daily_volume_limit or external > place.daily_external_limit:
        findings.append(_warn("MKT-4", "volume", f"This is large-volume mail (more than {place.daily_volume_limit} a "
                              f"day, or {place.daily_external_limit} to the outside). It needs the campaign route "
                              "as well.", {"per_day": detail.typical_per_day, "external": external}))  # fmt: skip
    if detail.is_fed_by_web_form:
        findings.append(
            _warn("MKT-2", "web-form", "A public form can cause mail: judge the protection against abuse.")
        )
    if detail.contents in (Contents.PHI, Contents.PCI, Contents.FERPA) and detail.tls != Tls.YES:
        findings.append(
            _warn("OVR-2", "tls", f"{detail.get_contents_display()} without encryption on the way.")
        )
    if detail.recipients == Recipients.ANYONE:
        findings.append(
            _warn("MKT-4", "recipients", "The system may write to anyone: judge whether that is needed.")
        )
    return findings


def _pass(clause: str, rule: str, sentence: str, value: str, *, field: str = "addresses") -> Found:
    return Found(clause, rule, Outcome.PASS, sentence, field=field, evidence={"value": value})


def _fail(
    clause: str, rule: str, sentence: str, value: str, *, field: str = "addresses", **evidence: str
) -> Found:
    return Found(clause, rule, Outcome.FAIL, sentence, field=field, evidence={"value": value, **evidence})


def _warn(clause: str, rule: str, sentence: str, evidence: Mapping[str, Any] | None = None) -> Found:
    return Found(clause, rule, Outcome.WARN, sentence, must=False, evidence=evidence or {})
