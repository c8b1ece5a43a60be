"""What is particular to one university, with Texas Tech's values as the default.

Another institution adopts the portal by a TOML file named in `INSTITUTION_FILE`: every key is a field of
`Institution` below, and what the file does not name keeps its default. Nothing else in the project may
know a domain, a network, a holiday or the name of an office.
"""

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import field
from datetime import date
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

import holidays
from django.conf import settings
from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.dataclasses import dataclass

from portal.configuration import (
    Color,
    ConfigurationError,
    Domain,
    Line,
    MailAddress,
    Network,
    Percent,
    WebAddress,
    Whole,
    Yes,
    problems_of,
)

_STRICT = ConfigDict(extra="forbid")
_LIST_ADDRESS = re.compile(r"[a-z0-9#$&'*/=?^_`{|}~.-]+@[a-z0-9-]+(\.[a-z0-9-]+)*").fullmatch
"""A list's address: no blanks, quotes or extensions (RFC 5321 section 4.1.2)."""

Days = Annotated[Whole, Field(ge=0, le=3_660)]
Months = Annotated[Whole, Field(ge=1, le=120)]
Count = Annotated[Whole, Field(ge=0, le=1_000_000_000)]


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("must be a time zone of the IANA database, such as America/Chicago")
    return name


@dataclass(frozen=True, config=_STRICT)
class ClosedNetwork:
    """A part of the campus from which no system may relay: why, and what to tell the person."""

    network: Network
    use: Literal["workstation", "wireless", "vpn", "nat", "dhcp"]
    label: Line


@dataclass(frozen=True, config=_STRICT)
class Population:
    """A part of the people that mail may be sent to. `is_campus` says that a survey of it is MKT-5's."""

    key: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$")]
    label: Line
    is_campus: Yes = True
    survey_budget: Count = 0
    """How many surveys a year may go to it; 0 for no limit."""


@dataclass(frozen=True, config=_STRICT)
class GatedList:
    """A large list to which the mail system passes approved campaign messages alone (MKT-4, MKT-5)."""

    address: Line
    """Its address; of the mail domain where it has no @."""
    populations: tuple[str, ...]
    """Whom it reaches, by their keys: a campaign must be approved for all of them."""


_LISTS = (
    GatedList("students-all", ("students",)),
    GatedList("faculty-all", ("faculty",)),
    GatedList("staff-all", ("staff",)),
)


@dataclass(frozen=True, config=_STRICT)
class Blackout:
    """Days, both included, on which no campaign is sent; to these populations, or to all."""

    starts: date
    ends: date
    label: Line
    populations: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.starts > self.ends:
            raise ValueError("a blackout ends before it starts")
        return self


@dataclass(frozen=True, config=_STRICT)
class Institution:
    """Names, domains, networks, terms, calendar and links of the university that runs the portal."""

    name: Line = "Texas Tech University"
    short_name: Line = "Texas Tech"
    product: Line = "TechMail Portal"
    mail_service: Line = "TechMail"
    it_name: Line = "Information Technology"
    cio_office: Line = "Office of the CIO"
    network_name: Line = "TTUnet"
    contact: Line = "Director of Unified Communications, Authentication, and Cloud"
    contact_email: MailAddress = "techmail@ttu.edu"
    mail_domain: Domain = "ttu.edu"
    authenticated_smtp_host: Domain = "smtp.office365.com"
    relay_host: Domain = "smtp.ttu.edu"
    relay_port: Annotated[Whole, Field(ge=1, le=65_535)] = 25
    relay_tls: Line = "STARTTLS, offered on the same port and recommended"
    """What a system's administrator is told about encryption on the way to the relay."""
    brand_color: Color = "#cc0000"
    time_zone: Annotated[str, AfterValidator(_time_zone)] = "America/Chicago"

    campus_networks: tuple[Network, ...] = (ip_network("129.118.0.0/16"), ip_network("2001:db8:4000::/48"))
    closed_networks: tuple[ClosedNetwork, ...] = (
        ClosedNetwork(ip_network("129.118.128.0/18"), "workstation", "staff workstations"),
        ClosedNetwork(ip_network("129.118.192.0/19"), "wireless", "the campus wireless network"),
        ClosedNetwork(ip_network("129.118.224.0/20"), "vpn", "the VPN's address pool"),
        ClosedNetwork(ip_network("129.118.240.0/22"), "nat", "shared NAT addresses"),
        ClosedNetwork(ip_network("129.118.244.0/22"), "dhcp", "dynamic (DHCP) addresses"),
        ClosedNetwork(ip_network("2001:db8:4000:8000::/49"), "workstation", "staff workstations"),
    )
    host_zones: tuple[Domain, ...] = ("ttu.edu",)
    largest_ipv4_range: Annotated[Whole, Field(ge=8, le=32)] = 29
    largest_ipv6_range: Annotated[Whole, Field(ge=32, le=128)] = 125
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
    daily_volume_limit: Count = 5000
    """Messages a day above which relay mail takes the large-volume (campaign) route as well (MKT-4)."""
    daily_external_limit: Count = 500
    volume_counts_together: tuple[Literal["owner", "department", "sender"], ...] = (
        "owner",
        "department",
        "sender",
    )
    """By what relay permissions and requests belong together, so that their sum is held against these limits: any of
    "owner" (or co-owner), "department" and "sender"; none judges each request alone.
    """

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
    gated_lists: tuple[GatedList, ...] = _LISTS
    """The large lists of the institution. They are guarded where mail hosts ask the milter."""
    recipient_delimiters: str = "+"
    """What begins an address extension on the mail hosts (Postfix's recipient_delimiter): `list+x@` is `list@`."""
    blackouts: tuple[Blackout, ...] = (
        Blackout(date(2026, 12, 4), date(2026, 12, 9), "final examinations", ("students", "faculty")),
        Blackout(date(2026, 12, 24), date(2027, 1, 1), "the winter break"),
        Blackout(date(2027, 5, 7), date(2027, 5, 12), "final examinations", ("students", "faculty")),
        Blackout(date(2027, 12, 3), date(2027, 12, 8), "final examinations", ("students", "faculty")),
        Blackout(date(2027, 12, 24), date(2028, 1, 1), "the winter break"),
    )
    campaign_lead_days: Days = 10
    """Business days between the filing of a campaign and its first message."""
    longest_campaign_days: Days = 92
    survey_year_month: Annotated[Whole, Field(ge=1, le=12)] = 9
    """The month in which the year of the survey budgets begins."""
    stop_complaint_percent: Percent = 0.3
    """Complaints per hundred messages at which a campaign stops, unless its request names fewer."""
    stop_bounce_percent: Percent = 5.0
    warn_complaint_percent: Percent = 0.1
    """Complaints per hundred messages at which owner and IT are warned."""
    warn_bounce_percent: Percent = 2.0
    signals_least_sent: Count = 100
    """Messages below which figures prove nothing, and no limit is judged."""
    campaigns_stop_by_themselves: Yes = False
    """Whether the portal revokes a campaign over its stop limit itself; else a person of the CIO office decides."""

    relay_term_months: Months = 12
    whitelist_term_months: Months = 12
    longest_sender_term_months: Months = 36
    """A sender authorization ends with its contract, and never later than this many months after approval."""
    renewal_opens_days: Days = 60
    ownerless_days: Days = 14
    """Days after which a permission whose owner has left, and that nobody took over, is IT's."""
    ownerless_link_days: Days = 30
    """Days for which the link to take over such a permission works."""
    ownerless_step_days: Days = 5
    """Days between asking the co-owner, the functional mailbox and the head of the department."""
    reminder_days: tuple[Days, ...] = (60, 30, 14, 7, 1, 0)
    unproven_after_days: Days = 14
    """Days after which a permission without the proof that its mail is signed shows in the lists (OVR-4)."""
    proof_reminder_days: tuple[Days, ...] = (7, 14)
    """Days after which its owner is reminded of that proof; after the last of them once a month."""
    idle_days: Days = 180
    """Days without mail after which a permission counts as unused; shorter silence proves nothing."""
    compliance_grace_days: Days = 7
    """Days between the email about a grant out of compliance and its suspension."""
    suspends_when_broken: Mapping[str, Yes] = field(default_factory=dict)
    """By kind ("relay", "whitelist", ...), whether such a grant is suspended at all, where that differs."""
    one_person_one_stage: Yes = True
    """Whether a person who decided one stage of a request is kept from its other stages (four eyes)."""
    dns_contact_email: MailAddress = "hostmaster@ttu.edu"
    """The people who keep the zones (RFC 2142 section 7): who is told of records to remove and of dangling targets."""
    dns_removal_days: Days = 7
    """Days after which the DNS team is reminded of a record that is to be removed and still stands."""
    dns_removal_reminders: Count = 4
    """How often at most it is reminded of one record, `dns_removal_days` apart."""
    review_targets: Mapping[str, Days] = field(default_factory=dict)
    """Business days for a stage, by "kind.stage", where they differ from the kind's own."""
    country: str = "US"
    """Whose public holidays are no business days: a country and its part, by ISO 3166 codes."""
    subdivision: Annotated[str, Field(validate_default=True)] = "TX"
    closed_days: tuple[date, ...] = (
        date(2026, 11, 27),
        date(2026, 12, 24),
        date(2026, 12, 28),
        date(2026, 12, 29),
        date(2026, 12, 30),
        date(2026, 12, 31),
        date(2027, 11, 26),
        date(2027, 12, 24),
        date(2027, 12, 27),
        date(2027, 12, 28),
        date(2027, 12, 29),
        date(2027, 12, 30),
        date(2027, 12, 31),
    )
    """Days on which the offices are closed besides the public holidays."""

    standards_url: WebAddress = "https://www.ttu.edu/it/standards/smtp-mail/"
    safe_senders_url: WebAddress = "https://support.microsoft.com/office/safe-senders-in-outlook-com"
    announcement_url: WebAddress = "https://techannounce.ttu.edu/"
    it_help_url: WebAddress = "https://www.ttu.edu/ithelpcentral/"

    def population(self, key: str) -> Population | None:
        """The population of this key, if there is one."""
        return next((entry for entry in self.populations if entry.key == key), None)

    @field_validator("country")
    @classmethod
    def _country(cls, value: str) -> str:
        if value not in holidays.list_supported_countries():
            raise ValueError("must be a country by its ISO 3166 code, such as US")
        return value

    @field_validator("subdivision")
    @classmethod
    def _subdivision(cls, value: str, info: ValidationInfo) -> str:
        known = holidays.list_supported_countries().get(info.data.get("country", ""))
        if known is not None and value and value not in known:
            raise ValueError("must be a part of the country by its ISO 3166-2 code, or empty")
        return value

    @field_validator("gated_lists")
    @classmethod
    def _gated_lists(cls, value: tuple[GatedList, ...], info: ValidationInfo) -> tuple[GatedList, ...]:
        _by_address(value, info.data.get("mail_domain", "example.edu"))
        if value == _LISTS:  # Those of the default are harmless where populations have other keys.
            return value
        known = {entry.key for entry in info.data.get("populations", ())}
        for entry in value:
            if unknown := sorted(set(entry.populations) - known):
                raise ValueError(
                    f"the gated list {entry.address} names unknown populations: {', '.join(unknown)}"
                )
        return value

    @cached_property
    def gated(self) -> Mapping[str, GatedList]:
        """The gated lists by their whole address in lower case."""
        return _by_address(self.gated_lists, self.mail_domain)

    def lists_of(self, populations: Collection[str]) -> list[str]:
        """The addresses of the gated lists that a campaign to `populations` may go to."""
        return [
            address for address, entry in self.gated.items() if set(entry.populations) <= set(populations)
        ]


def _by_address(entries: Collection[GatedList], mail_domain: str) -> dict[str, GatedList]:
    found: dict[str, GatedList] = {}
    for entry in entries:
        local, _, domain = entry.address.lower().partition("@")
        address = f"{local}@{domain or mail_domain.lower()}"
        if not _LIST_ADDRESS(address):
            raise ValueError(f"the gated list {entry.address!r} is no address")
        if address in found:
            raise ValueError(f"the gated list {address} is named twice")
        if not entry.populations:
            raise ValueError(f"the gated list {address} names no population")
        found[address] = entry
    return found


_READER = TypeAdapter(Institution)


def load(path: Path | None) -> Institution:
    """Read an institution from a TOML file; None gives the defaults.

    Raises ConfigurationError with a line for each fault: an unknown key, a wrong type, or a value out of its range.
    """
    if path is None:
        return Institution()
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"INSTITUTION_FILE cannot be read: {error}.") from error
    try:
        return _READER.validate_python(_with_new_names(values))
    except ValidationError as error:
        raise ConfigurationError(*problems_of(error, prefix="INSTITUTION_FILE: ")) from None


def _with_new_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with the keys of before this version under their names of today."""
    return {_NEW_NAMES.get(name, name): value for name, value in values.items()}


_NEW_NAMES = {"brand_colour": "brand_color"}


def institution() -> Institution:
    """The institution this process serves."""
    configured: Institution = settings.INSTITUTION
    return configured
