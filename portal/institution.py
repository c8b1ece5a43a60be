"""What is particular to one university, with Texas Tech's values as the default.

Another institution adopts the portal by a TOML file named in `INSTITUTION_FILE`: every key is a field of
`Institution` below, and what the file does not name keeps its default. Nothing else in the project may
know a domain, a network, a holiday or the name of an office.
"""

import dataclasses
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from portal.env import ConfigurationError

Network = IPv4Network | IPv6Network
_ADDRESS = re.compile(r"[a-z0-9#$&'*/=?^_`{|}~.-]+@[a-z0-9-]+(\.[a-z0-9-]+)*").fullmatch
"""A list's address: no blanks, quotes or extensions (RFC 5321 section 4.1.2)."""


@dataclass(frozen=True)
class ClosedNetwork:
    """A part of the campus from which no system may relay: why, and what to tell the person."""

    network: str
    use: str
    """One of workstation, wireless, vpn, nat, dhcp."""
    label: str


@dataclass(frozen=True)
class Population:
    """A part of the people that mail may be sent to. `is_campus` says that a survey of it is MKT-5's."""

    key: str
    label: str
    is_campus: bool = True
    survey_budget: int = 0
    """How many surveys a year may go to it; 0 for no limit."""


@dataclass(frozen=True)
class GatedList:
    """A large list to which the mail system passes approved campaign messages alone (MKT-4, MKT-5)."""

    address: str
    """Its address; of the mail domain where it has no @."""
    populations: tuple[str, ...]
    """Whom it reaches, by their keys: a campaign must be approved for all of them."""


@dataclass(frozen=True)
class Blackout:
    """Days (ISO 8601, both included) on which no campaign is sent; to these populations, or to all."""

    starts: str
    ends: str
    label: str
    populations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Institution:
    """Names, domains, networks, terms, calendar and links of the university that runs the portal."""

    name: str = "Texas Tech University"
    short_name: str = "Texas Tech"
    product: str = "TechMail Portal"
    mail_service: str = "TechMail"
    it_name: str = "Information Technology"
    cio_office: str = "Office of the CIO"
    network_name: str = "TTUnet"
    contact: str = "Director of Unified Communications, Authentication, and Cloud"
    contact_email: str = "techmail@ttu.edu"
    mail_domain: str = "ttu.edu"
    authenticated_smtp_host: str = "smtp.office365.com"
    relay_host: str = "smtp.ttu.edu"
    relay_port: int = 25
    relay_tls: str = "STARTTLS, offered on the same port and recommended"
    """What a system's administrator is told about encryption on the way to the relay."""
    brand_colour: str = "#cc0000"
    time_zone: str = "America/Chicago"

    campus_networks: tuple[str, ...] = ("129.118.0.0/16", "2001:db8:4000::/48")
    closed_networks: tuple[ClosedNetwork, ...] = (
        ClosedNetwork("129.118.128.0/18", "workstation", "staff workstations"),
        ClosedNetwork("129.118.192.0/19", "wireless", "the campus wireless network"),
        ClosedNetwork("129.118.224.0/20", "vpn", "the VPN's address pool"),
        ClosedNetwork("129.118.240.0/22", "nat", "shared NAT addresses"),
        ClosedNetwork("129.118.244.0/22", "dhcp", "dynamic (DHCP) addresses"),
        ClosedNetwork("2001:db8:4000:8000::/49", "workstation", "staff workstations"),
    )
    host_zones: tuple[str, ...] = ("ttu.edu",)
    largest_ipv4_range: int = 29
    largest_ipv6_range: int = 125
    privileged_mailboxes: tuple[str, ...] = (
        "abuse",
        "accounting",
        "admin",
        "administrator",
        "cio",
        "finance",
        "helpdesk",
        "hostmaster",
        "hr",
        "itsecurity",
        "legal",
        "payroll",
        "police",
        "postmaster",
        "president",
        "provost",
        "registrar",
        "root",
        "security",
        "techmail",
        "webmaster",
    )
    daily_volume_limit: int = 5000
    """Messages a day above which relay mail takes the large-volume (campaign) route as well (MKT-4)."""
    daily_external_limit: int = 500

    populations: tuple[Population, ...] = (
        Population("students", "Students", survey_budget=6),
        Population("faculty", "Faculty", survey_budget=6),
        Population("staff", "Staff", survey_budget=6),
        Population("alumni", "Alumni", is_campus=False, survey_budget=4),
        Population("applicants", "Applicants", is_campus=False, survey_budget=2),
        Population("donors", "Donors", is_campus=False),
        Population("parents", "Parents", is_campus=False),
        Population("public", "The public", is_campus=False),
    )
    gated_lists: tuple[GatedList, ...] = (
        GatedList("students-all", ("students",)),
        GatedList("faculty-all", ("faculty",)),
        GatedList("staff-all", ("staff",)),
    )
    """The large lists of the institution. They are guarded where mail hosts ask the milter."""
    recipient_delimiters: str = "+"
    """What begins an address extension on the mail hosts (Postfix's recipient_delimiter): `list+x@` is `list@`."""
    blackouts: tuple[Blackout, ...] = (
        Blackout("2026-12-04", "2026-12-09", "final examinations", ("students", "faculty")),
        Blackout("2026-12-24", "2027-01-01", "the winter break"),
        Blackout("2027-05-07", "2027-05-12", "final examinations", ("students", "faculty")),
        Blackout("2027-12-03", "2027-12-08", "final examinations", ("students", "faculty")),
        Blackout("2027-12-24", "2028-01-01", "the winter break"),
    )
    campaign_lead_days: int = 10
    """Business days between the filing of a campaign and its first message."""
    longest_campaign_days: int = 92
    survey_year_month: int = 9
    """The month in which the year of the survey budgets begins."""
    stop_complaint_percent: float = 0.3
    """Complaints per hundred messages at which a campaign stops, unless its request names fewer."""
    stop_bounce_percent: float = 5.0
    warn_complaint_percent: float = 0.1
    """Complaints per hundred messages at which owner and IT are warned."""
    warn_bounce_percent: float = 2.0
    signals_least_sent: int = 100
    """Messages below which figures prove nothing, and no limit is judged."""
    campaigns_stop_by_themselves: bool = False
    """Whether the portal revokes a campaign over its stop limit itself; else a person of the CIO office decides."""

    relay_term_months: int = 12
    whitelist_term_months: int = 12
    longest_sender_term_months: int = 36
    """A sender authorization ends with its contract, and never later than this many months after approval."""
    renewal_opens_days: int = 60
    ownerless_days: int = 14
    """Days after which a permission whose owner has left, and that nobody took over, is IT's."""
    ownerless_link_days: int = 30
    """Days for which the link to take over such a permission works."""
    ownerless_step_days: int = 5
    """Days between asking the co-owner, the functional mailbox and the head of the department."""
    reminder_days: tuple[int, ...] = (60, 30, 14, 7, 1, 0)
    unproven_after_days: int = 14
    """Days after which a permission without the proof that its mail is signed shows in the lists (OVR-4)."""
    proof_reminder_days: tuple[int, ...] = (7, 14)
    """Days after which its owner is reminded of that proof; after the last of them once a month."""
    idle_days: int = 180
    """Days without mail after which a permission counts as unused; shorter silence proves nothing."""
    compliance_grace_days: int = 7
    """Days between the letter about a grant out of compliance and its suspension."""
    suspends_when_broken: Mapping[str, bool] = dataclasses.field(default_factory=dict)
    """By kind ("relay", "whitelist", ...), whether such a grant is suspended at all, where that differs."""
    one_person_one_stage: bool = True
    """Whether a person who decided one stage of a request is kept from its other stages (four eyes)."""
    dns_contact_email: str = "hostmaster@ttu.edu"
    """The people who keep the zones (RFC 2142 section 7): who is told of records to remove and of dangling targets."""
    dns_removal_days: int = 7
    """Days after which the DNS team is reminded of a record that is to be removed and still stands."""
    dns_removal_reminders: int = 4
    """How often at most it is reminded of one record, `dns_removal_days` apart."""
    review_targets: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """Business days for a stage, by "kind.stage", where they differ from the kind's own."""
    country: str = "US"
    subdivision: str = "TX"
    closed_days: tuple[str, ...] = (
        "2026-11-27",
        "2026-12-24",
        "2026-12-28",
        "2026-12-29",
        "2026-12-30",
        "2026-12-31",
        "2027-11-26",
        "2027-12-24",
        "2027-12-27",
        "2027-12-28",
        "2027-12-29",
        "2027-12-30",
        "2027-12-31",
    )
    """Days (ISO 8601) on which the offices are closed besides the public holidays."""

    standards_url: str = "https://www.ttu.edu/it/standards/smtp-mail/"
    safe_senders_url: str = "https://support.microsoft.com/office/safe-senders-in-outlook-com"
    announcement_url: str = "https://techannounce.ttu.edu/"
    it_help_url: str = "https://www.ttu.edu/ithelpcentral/"

    def population(self, key: str) -> Population | None:
        """The population of this key, if there is one."""
        return next((entry for entry in self.populations if entry.key == key), None)

    @cached_property
    def campus(self) -> tuple[Network, ...]:
        """The campus networks, parsed."""
        return tuple(ip_network(text) for text in self.campus_networks)

    @cached_property
    def gated(self) -> Mapping[str, GatedList]:
        """The gated lists by their whole address in lower case. Raises ValueError for what is no such list."""
        found: dict[str, GatedList] = {}
        for entry in self.gated_lists:
            local, _, domain = entry.address.lower().partition("@")
            address = f"{local}@{domain or self.mail_domain.lower()}"
            if not _ADDRESS(address):
                raise ValueError(f"the gated list {entry.address!r} is no address")
            if address in found:
                raise ValueError(f"the gated list {address} is named twice")
            if not entry.populations:
                raise ValueError(f"the gated list {address} names no population")
            found[address] = entry
        return found

    def lists_of(self, populations: Collection[str]) -> list[str]:
        """The addresses of the gated lists that a campaign to `populations` may go to."""
        return [
            address for address, entry in self.gated.items() if set(entry.populations) <= set(populations)
        ]

    @cached_property
    def blackout_days(self) -> tuple[tuple[date, date, Blackout], ...]:
        """The blackouts with their first and last days, parsed."""
        spans = tuple((date.fromisoformat(b.starts), date.fromisoformat(b.ends), b) for b in self.blackouts)
        if any(starts > ends for starts, ends, _ in spans):
            raise ValueError("a blackout ends before it starts")
        return spans

    @cached_property
    def closed(self) -> tuple[tuple[Network, ClosedNetwork], ...]:
        """The parts of the campus that may not relay, parsed, each with what it is."""
        return tuple((ip_network(entry.network), entry) for entry in self.closed_networks)


def load(path: Path | None) -> Institution:
    """Read an institution from a TOML file; None gives the defaults.

    Raises ConfigurationError where the file cannot be read, names an unknown field, or has a network that
    is not one.
    """
    if path is None:
        return Institution()
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"INSTITUTION_FILE cannot be read: {error}") from error
    known = {field.name for field in dataclasses.fields(Institution)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise ConfigurationError(f"INSTITUTION_FILE has unknown keys: {', '.join(unknown)}.")
    try:
        institution = Institution(**{name: _frozen(name, value) for name, value in values.items()})
        _ = institution.campus, institution.closed, institution.blackout_days, institution.gated
        if not 0 < institution.relay_port < 65_536:
            raise ValueError("relay_port must be a number from 1 to 65535")
        # The lists of the default are harmless where populations have other keys.
        if "gated_lists" in values:
            _check_populations(institution)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"INSTITUTION_FILE: {error}.") from error
    return institution


def _check_populations(institution: Institution) -> None:
    known = {entry.key for entry in institution.populations}
    for address, entry in institution.gated.items():
        if unknown := sorted(set(entry.populations) - known):
            raise ValueError(f"the gated list {address} names unknown populations: {', '.join(unknown)}")


def _frozen(name: str, value: Any) -> Any:
    if name == "closed_networks":
        return tuple(ClosedNetwork(**entry) for entry in value)
    if name == "populations":
        return tuple(Population(**entry) for entry in value)
    if name == "gated_lists":
        return tuple(_gated_list(**entry) for entry in value)
    if name == "blackouts":
        return tuple(
            Blackout(**entry | {"populations": tuple(entry.get("populations", ()))}) for entry in value
        )
    return tuple(value) if isinstance(value, list) else value


def _gated_list(*, address: str, populations: list[str]) -> GatedList:
    if not isinstance(address, str) or not isinstance(populations, list):
        raise TypeError("a gated list has an address and a list of populations")
    return GatedList(address, tuple(populations))


def institution() -> Institution:
    """The institution this process serves."""
    from django.conf import settings

    configured: Institution = settings.INSTITUTION
    return configured
