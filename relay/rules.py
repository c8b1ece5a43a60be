"""The checks of a relay request. Each finding cites a clause, says one sentence, and keeps its evidence."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from ipaddress import IPv4Network
from operator import or_
from typing import Any

from django.db.models import Q
from django.utils import timezone

from portal.accounts.directory import DirectoryUnavailable
from portal.accounts.mailboxes import Mailbox, Tie, mailboxes_for
from portal.accounts.roles import Role
from portal.grants.models import Grant, GrantRequest
from portal.institution import institution
from portal.lib.networks import Network, is_inside, overlaps, shown
from portal.lib.outcome import Outcome
from portal.workflow.findings import Finding, rule_for
from portal.workflow.mailbox_rules import consent_finding
from portal.workflow.models import ServiceRequest
from portal.workflow.selectors import filed_earlier
from portal.workflow.states import LIVE_STATES
from relay import names, services, together, volume
from relay.models import (
    Capability,
    Contents,
    PermittedAddress,
    Recipients,
    RelayAddress,
    RelayRequest,
    SystemKind,
    Tls,
)


# ---------------------------------------------------------------- addresses: REL-2, WKS-1, REL-1
def address_findings(service_request: ServiceRequest, networks: Sequence[Network]) -> list[Finding]:
    """Every address on campus, fit to relay, a host's own, and in no other grant."""
    findings = [finding for network in networks for finding in _one_address(network)]
    taken = _taken(service_request, networks) or _pending(service_request, networks)
    return findings + taken + _inner_overlaps(networks)


def _one_address(network: Network) -> list[Finding]:
    place, name = institution(), shown(network)
    if not is_inside(network, place.campus_networks):
        return [
            _fail(
                "REL-2",
                "on-campus",
                f"REL-2: {name} is outside {place.network_name}. External systems may "
                "not relay. A vendor’s service asks for an Intended Use of Technology authorization.",
                name,
            )
        ]
    for entry in place.closed_networks:
        if overlaps(network, entry.network):
            clause = "WKS-1" if entry.use == "workstation" else "REL-2"
            step = (
                f"Use {place.authenticated_smtp_host} with sign-in there."
                if entry.use == "workstation"
                else "Give the system a fixed address of its own first."
            )
            return [_fail(clause, "closed-network", f"{clause}: {name} is in {entry.label}. {step}", name)]
    return _range_findings(network) or [
        _pass("REL-2", "on-campus", f"{name} is on {place.network_name}.", name)
    ]


def _range_findings(network: Network) -> list[Finding]:
    place, name = institution(), shown(network)
    largest = place.largest_ipv4_range if network.version == 4 else place.largest_ipv6_range
    if network.prefixlen < largest:
        return [
            _fail(
                "REL-1",
                "range-size",
                f"REL-1: {name} has {network.num_addresses} addresses. The largest "
                f"range is /{largest}; name the systems’ own addresses.",
                name,
            )
        ]
    if network.num_addresses == 1 and isinstance(network, IPv4Network) and _is_edge(network):
        return [
            _fail(
                "REL-2",
                "edge-address",
                f"REL-2: {name} is a network or broadcast address. Enter the system’s own address.",
                name,
            )
        ]
    return []


def _is_edge(network: IPv4Network) -> bool:
    # Campus subnets are /24s: the first and the last address of one never belong to a host.
    return int(network.network_address) & 0xFF in (0, 0xFF)


def clashes(service_request: ServiceRequest) -> list[Finding]:
    """What another grant holds by now. Asks the database alone: an approval asks it again under its lock."""
    together.forget(service_request)
    RelayRequest.forget(service_request)
    rows = RelayRequest.of(service_request).addresses.all()
    taken = _taken(service_request, [row.network for row in rows])
    return taken + _split_meanwhile(service_request)


def _taken(service_request: ServiceRequest, networks: Sequence[Network]) -> list[Finding]:
    own = _own_grant(service_request)
    findings = []
    for network in networks:
        holder = _holder_of(network, own)
        if holder is not None:
            findings.append(
                _fail(
                    "REL-1",
                    "taken",
                    f"REL-1: {shown(network)} may relay already, under {holder.reference} of "
                    f"{holder.owner} ({holder.department or holder.owner.email}). Ask them for a change, or to hand "
                    "it over.",
                    shown(network),
                    grant=holder.reference,
                )
            )
    return findings


def _own_grant(service_request: ServiceRequest) -> int | None:
    """The permission that the request renews or changes."""
    return (
        GrantRequest.objects.filter(service_request=service_request)
        .values_list("grant_id", flat=True)
        .first()
    )


def _holder_of(network: Network, own_grant: int | None) -> Grant | None:
    row = (
        PermittedAddress.objects.filter(network__overlaps=network)
        .filter(permission__grant__in=Grant.objects.in_force(timezone.localdate()))
        .exclude(permission__grant_id=own_grant or 0)
        .select_related("permission__grant__owner")
        .first()
    )
    return row.permission.grant if row else None


def _pending(service_request: ServiceRequest, networks: Sequence[Network]) -> list[Finding]:
    """That a request submitted earlier, and not decided yet, names one of the addresses: the later one waits."""
    own = _own_grant(service_request)
    # Nobody holds up a renewal by filing a request for what it renews.
    fresh = [network for network in networks if own is None or not _is_held_by(own, network)]
    if not fresh:
        return []
    row = (
        RelayAddress.objects.filter(reduce(or_, (Q(network__overlaps=network) for network in fresh)))
        .filter(relay_request__service_request__state__in=LIVE_STATES)
        .filter(filed_earlier("relay_request__service_request__", service_request))
        .select_related("relay_request__service_request__requester")
        .order_by("relay_request_id", "id")
        .first()
    )
    if row is None:
        return []
    other = row.relay_request.service_request
    name = shown(next(network for network in fresh if overlaps(network, row.network)))
    return [
        _fail(
            "REL-1",
            "pending",
            f"REL-1: {name} is named in {other.reference} of {other.requester}, which is still in "
            "review. Withdraw this request, or wait for that decision.",
            name,
            request=other.reference,
        )
    ]


def _is_held_by(grant_id: int, network: Network) -> bool:
    held = PermittedAddress.objects.filter(permission__grant_id=grant_id)
    return held.filter(network__contains_network=network).exists()


def _inner_overlaps(networks: Sequence[Network]) -> list[Finding]:
    for position, network in enumerate(networks):
        for other in networks[position + 1 :]:
            if overlaps(network, other):
                sentence = f"REL-1: {shown(network)} and {shown(other)} overlap. Name each address once."
                return [_fail("REL-1", "overlap", sentence, shown(network))]
    return []


# ---------------------------------------------------------------- host name
def hostname_findings(hostname: str, networks: Iterable[Network]) -> list[Finding]:
    """Forward and reverse DNS of the name and the addresses; a mismatch is for the reviewer to weigh."""
    answer = names.look_up(hostname, [str(n.network_address) for n in networks if n.num_addresses == 1])
    evidence = {"hostname": hostname, "addresses": answer.addresses, "reverse": answer.reverse}

    def found(rule: str, outcome: Outcome, sentence: str) -> Finding:
        return Finding("REL-2", rule, outcome, sentence, must=False, field="hostname", evidence=evidence)

    if answer.forward is None:
        return [
            found(
                "forward-dns",
                Outcome.UNKNOWN,
                f"The DNS did not answer for {hostname}. It is asked again "
                "at submission and before the decision.",
            )
        ]
    if not answer.forward:
        return [found("forward-dns", Outcome.WARN, f"{hostname} has no address in the DNS.")]
    findings = [_agreement(found, hostname, answer)]
    return findings + [_reverse(found, hostname, address, back) for address, back in answer.reverse.items()]


def _agreement(found: Callable[..., Finding], hostname: str, answer: names.NameAnswer) -> Finding:
    missing = [address for address in answer.reverse if address not in (answer.forward or [])]
    if missing:
        names = ", ".join(answer.forward or [])
        return found(
            "forward-dns", Outcome.WARN, f"{hostname} leads to {names}, not to {', '.join(missing)}."
        )
    return found("forward-dns", Outcome.PASS, f"{hostname} leads to {', '.join(answer.forward or [])}.")


def _reverse(found: Callable[..., Finding], hostname: str, address: str, back: list[str] | None) -> Finding:
    if back is None:
        return found(
            "reverse-dns", Outcome.UNKNOWN, f"The DNS did not answer for the reverse name of {address}."
        )
    if hostname in back:
        return found("reverse-dns", Outcome.PASS, f"{address} leads back to {hostname}.")
    instead = f"leads back to {', '.join(back)}" if back else "has no reverse name"
    return found("reverse-dns", Outcome.WARN, f"{address} {instead}, not to {hostname}.")


# ---------------------------------------------------------------- senders: REL-3, OVR-5
def sender_findings(service_request: ServiceRequest, addresses: Sequence[str]) -> list[Finding]:
    """Every sender known to the directory, and the requester's to lend: their own, their department's, or agreed to."""
    try:
        boxes = mailboxes_for(service_request.requester.email, addresses)
    except DirectoryUnavailable:
        return [
            Finding(
                "REL-3",
                "directory",
                Outcome.UNKNOWN,
                "The directory did not answer; the senders are checked again later.",
                field="senders",
            )
        ]
    consents = _consents(service_request)
    return [_sender(boxes[address], consents.get(address)) for address in addresses]


def consent_needed(service_request: ServiceRequest) -> dict[str, str]:
    """Whose consent each sender takes that is not the requester's to lend; empty while the directory is silent."""
    try:
        boxes = mailboxes_for(service_request.requester.email, services.senders_of(service_request))
    except DirectoryUnavailable:
        return {}
    return {address: box.asked for address, box in boxes.items() if box.tie is Tie.CONSENT}


def _consents(service_request: ServiceRequest) -> Mapping[str, Any]:
    return {row.address: row for row in RelayRequest.of(service_request).senders.all()}


def _sender(box: Mailbox, consent: Any) -> Finding:
    if box.tie is Tie.CONSENT:
        return consent_finding(box, consent, clause="REL-3", field="senders")
    return _box_finding(box, "senders") or _pass(
        "REL-3", "directory", f"{box.address} is a valid sender.", box.address, field="senders"
    )


def _box_finding(box: Mailbox, field: str) -> Finding | None:
    """What speaks against a mailbox, whatever it is used for; None where it is the requester's to lend."""
    address = box.address
    if box.tie is Tie.FORBIDDEN:
        return _fail(
            "OVR-5",
            "privileged",
            f"OVR-5: {address} speaks for an office that the directory does not name "
            "as yours, and is not lent to systems. Use a mailbox of the system’s own.",
            address,
            field=field,
        )
    if box.tie is Tie.OFFICE:
        return Finding(
            "OVR-5",
            "privileged",
            Outcome.WARN,
            f"{address} speaks for the requester’s own office. The "
            "postmaster judges whether a system may use it.",
            must=False,
            field=field,
            evidence={"value": address, "department": box.department},
        )
    if box.tie is Tie.UNKNOWN:
        return _fail(
            "REL-3",
            "directory",
            f"REL-3: the directory does not know {address}. Ask "
            f"{institution().it_name} to create the mailbox first, or correct the address.",
            address,
            field=field,
        )
    if box.tie is Tie.OWNERLESS:
        of = (
            f"a shared mailbox of {box.department}"
            if box.department
            else "a shared mailbox of no department on record"
        )
        return Finding(
            "REL-3",
            rule_for("mailbox", address),
            Outcome.FAIL,
            f"REL-3: {address} is {of}, and the "
            "directory names nobody who answers for it. Ask for a mailbox of your own department, or have its "
            "owner recorded; a reviewer may set this aside with a reason.",
            waivable=True,
            field=field,
            evidence={"value": address, "department": box.department},
        )
    return None


def _of(box: Mailbox) -> str:
    return box.department or "another department"


def bounce_findings(service_request: ServiceRequest, address: str, senders: Sequence[str]) -> list[Finding]:
    """The bounce address as a sender is judged: it gets mail that its owner never asked for. One of `senders` passes."""
    if not address or address in senders:
        return []
    try:
        box = mailboxes_for(service_request.requester.email, [address])[address]
    except DirectoryUnavailable:
        return [
            Finding(
                "REL-3",
                "bounce",
                Outcome.UNKNOWN,
                "The directory did not answer; the bounce address is checked again later.",
                field="bounce_address",
            )
        ]
    if box.tie is Tie.CONSENT:
        whose = "another person’s own address" if box.is_personal else f"a mailbox of {_of(box)}"
        return [
            Finding(
                "REL-3",
                rule_for("bounce", address),
                Outcome.FAIL,
                f"REL-3: the bounce address {address} is "
                f"{whose}. Use one of your own department; a reviewer may set this aside with a reason.",
                waivable=True,
                field="bounce_address",
                evidence={"value": address},
            )
        ]
    found = _box_finding(box, "bounce_address")
    return [found or _pass("REL-3", "bounce", f"Bounces go to {address}.", address, field="bounce_address")]


# ---------------------------------------------------------------- the whole request
def check(service_request: ServiceRequest) -> list[Finding]:
    """Every check of a relay request, in the order of the standards."""
    together.forget(service_request)
    detail = RelayRequest.of(service_request)
    networks = [row.network for row in detail.addresses.all()]
    senders = [row.address for row in detail.senders.all()]
    return [
        _system(detail),
        *(address_findings(service_request, networks) or [_missing("REL-2", "address", "an address")]),
        *hostname_findings(detail.hostname, networks),
        *(sender_findings(service_request, senders) or [_missing("REL-3", "sender", "a sender")]),
        *bounce_findings(service_request, detail.bounce_address, senders),
        *_mail(service_request, detail),
    ]


def _missing(clause: str, rule: str, what: str) -> Finding:
    return Finding(clause, rule, Outcome.FAIL, f"{clause}: {what} is missing.")


def _system(detail: Any) -> Finding:
    label = detail.get_system_kind_display()
    if detail.system_kind == SystemKind.WORKSTATION:
        return Finding(
            "WKS-1", "system-kind", Outcome.FAIL, "WKS-1: a workstation signs in; it does not relay."
        )
    if not detail.system_kind or not detail.is_attested:
        return Finding(
            "REL-0", "system-kind", Outcome.FAIL, "REL-0: the statement about the system is missing."
        )
    if detail.capability == Capability.OAUTH:
        return Finding(
            "REL-0",
            "system-kind",
            Outcome.WARN,
            f"{label} could sign in with OAuth 2; the requester says why it does not.",
            evidence={"reason": detail.capability_reason},
        )
    return Finding("REL-0", "system-kind", Outcome.PASS, f"{label} may relay.")


def _mail(service_request: ServiceRequest, detail: RelayRequest) -> list[Finding]:
    findings = [*size_findings(detail), *_together(service_request, detail)]
    if detail.is_fed_by_web_form:
        findings.append(
            _warn("MKT-2", "web-form", "A public form can cause mail: judge the protection against abuse.")
        )
    findings += tls_findings(detail)
    if detail.recipients == Recipients.ANYONE:
        findings.append(
            _warn("MKT-4", "recipients", "The system may write to anyone: judge whether that is needed.")
        )
    return findings


def size_findings(detail: RelayRequest) -> list[Finding]:
    """Whether it is large-volume mail (MKT-4); what nobody stated counts as more than any limit."""
    place, most, external = institution(), volume.per_day(detail), volume.external_per_day(detail)
    findings = []
    if external is None and detail.contents:
        findings.append(
            Finding(
                "MKT-4",
                "external",
                Outcome.FAIL,
                f"MKT-4: it is not said how many recipients a day are outside {place.mail_domain} at most.",
                field="external_per_day",
            )
        )
    if volume.is_large(detail):
        findings.append(
            _warn(
                "MKT-4",
                "volume",
                f"This is large-volume mail: more than {place.daily_volume_limit:,} recipients a day, or "
                f"more than {place.daily_external_limit:,} outside {place.mail_domain}. The {place.cio_office} decides as "
                "well.",
                {"per_day": most, "external": external},
            )
        )
    return findings


def tls_findings(detail: RelayRequest) -> list[Finding]:
    """Sensitive contents go encrypted, or somebody sets that aside by name.

    No clause of the standards is about encryption. OVR-2 is the nearest: it is about what happens to a message on its
    way. So the finding may be waived; docs/decisions/0014-relay-volumes.md.
    """
    if detail.contents not in (Contents.PHI, Contents.PCI, Contents.FERPA) or detail.tls == Tls.YES:
        return []
    what = detail.get_contents_display()
    said = (
        "goes without encryption to the relay"
        if detail.tls == Tls.NO
        else "may go without encryption to the relay"
    )
    # The answers are in the rule's name, so that what was set aside for one kind of contents is not for another.
    return [
        Finding(
            "OVR-2",
            f"tls:{detail.contents}:{detail.tls}",
            Outcome.FAIL if detail.tls == Tls.NO else Outcome.UNKNOWN,
            f"{what} {said}. Turn on TLS in the system and say so on the form; a reviewer may "
            "set this aside with a reason.",
            waivable=True,
            field="tls",
        )
    ]


def _together(service_request: ServiceRequest, detail: RelayRequest) -> list[Finding]:
    """Volume split over several requests and permissions (MKT-4): together it may be large-volume mail."""
    if volume.is_large(detail):
        return []
    sentence = together.why_large(service_request)
    if not sentence:
        return []
    facts = together.together(service_request)
    evidence = (
        {"per_day": facts.per_day, "external": facts.external, "others": list(facts.references)}
        if facts
        else {}
    )
    said = f"{sentence} The {institution().cio_office} decides as well."
    return [_warn("MKT-4", "volume-together", said, evidence)]


def _split_meanwhile(service_request: ServiceRequest) -> list[Finding]:
    """What others were granted or filed since the page was drawn, where the CIO's stage is not passed."""
    stage = service_request.current_stage
    if (stage is not None and stage.role is Role.CIO) or not together.why_large(service_request):
        return []
    sentence = f"{together.why_large(service_request)} Pass the request on to the {institution().cio_office}."
    return [Finding("MKT-4", "volume-together", Outcome.FAIL, sentence)]


def _pass(clause: str, rule: str, sentence: str, value: str, *, field: str = "addresses") -> Finding:
    return Finding(clause, rule, Outcome.PASS, sentence, field=field, evidence={"value": value})


def _fail(
    clause: str, rule: str, sentence: str, value: str, *, field: str = "addresses", **evidence: str
) -> Finding:
    return Finding(clause, rule, Outcome.FAIL, sentence, field=field, evidence={"value": value, **evidence})


def _warn(clause: str, rule: str, sentence: str, evidence: Mapping[str, Any] | None = None) -> Finding:
    return Finding(clause, rule, Outcome.WARN, sentence, must=False, evidence=evidence or {})
