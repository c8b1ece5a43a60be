"""What an owner and the DNS team have to do so that an authorization proves itself, in words and values to copy."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from portal.enforcement.targets import LintError
from portal.grants.models import Grant
from portal.grants.selectors import grant_of
from portal.grants.states import GrantState
from portal.institution import institution
from portal.samples.probe import probe_address
from portal.samples.selectors import takes_samples
from portal.workflow.models import ServiceRequest
from senders.dns_records import Listed, records_of_grant
from senders.dns_text import quoted
from senders.models import PlannedRecord, Purpose, RecordState


@dataclass(frozen=True)
class ShownRecord:
    """One record as pages show it, with the values to copy."""

    entry: Listed
    value: str
    """The value as it is typed into a zone; for an SPF term the whole record where that is known."""
    tone: str
    word: str

    @property
    def row(self) -> PlannedRecord:
        """The planned record."""
        return self.entry.row


@dataclass(frozen=True)
class DnsPanel:
    """The records of one permission, and what happens next."""

    grant: Grant
    records: Sequence[ShownRecord]
    probe: str
    """The probe address while it takes samples; else ""."""

    @property
    def alarms(self) -> list[ShownRecord]:
        """The records whose target does not exist."""
        return [record for record in self.records if record.row.alarm]

    @property
    def missing(self) -> list[ShownRecord]:
        """The records that are to stand and are not in place."""
        return [one for one in self.records if one.entry.removal is None and not one.entry.is_in_place]

    @property
    def is_unproven(self) -> bool:
        """Whether the permission waits for its proof."""
        return self.grant.state == GrantState.UNPROVEN

    @property
    def publisher(self) -> str:
        """Who publishes the records: a sentence."""
        return publisher()


def publisher() -> str:
    """Who publishes the records, in one sentence."""
    place = institution()
    return (
        f"The DNS team of {place.it_name} ({place.dns_contact_email}) publishes these records from the portal’s list; "
        "you and the vendor need not send them."
    )


def panel_of(grant: Grant) -> DnsPanel | None:
    """The records of an authorization; None for permissions of other kinds."""
    if grant.kind != "senders":
        return None
    entries = records_of_grant(grant, timezone.localdate())
    request = grant.latest_request
    probe = probe_address(request) if grant.is_open and takes_samples(request) else ""
    return DnsPanel(grant, [shown(entry) for entry in entries], probe)


def shown(entry: Listed) -> ShownRecord:
    """One record with its word and tone."""
    return ShownRecord(entry, _value(entry.row), *_standing(entry))


def _value(row: PlannedRecord) -> str:
    if row.publish and row.state != RecordState.PRESENT:
        return _as_typed(row.publish)
    if row.purpose == Purpose.SPF:
        return row.value
    return f"{row.value}." if row.rdtype == "CNAME" else _as_typed(row.value)


def _as_typed(text: str) -> str:
    try:
        return quoted(text)
    except LintError:
        return text


def _standing(entry: Listed) -> tuple[str, str]:
    """Tone and word of a record, by the first that holds."""
    state = entry.row.state
    looks = (
        (bool(entry.shared_with), "pass", f"Stays for {entry.shared_with}"),
        (entry.is_to_go, "warn", "To remove"),
        (entry.is_stop, "fail", "Differs" if state == RecordState.DIFFERS else "Stop"),
        (entry.is_gone, "pass", "Gone"),
        (state == RecordState.PRESENT, "pass", "In place"),
        (state == RecordState.UNSEEN, "unknown", "Not looked up yet"),
    )
    return next(((tone, word) for holds, tone, word in looks if holds), ("warn", "To add"))


# ---------------------------------------------------------------- in words
def proof_instructions(grant: Grant) -> list[tuple[str, str]]:
    """(label, value) of what the proof needs: the probe address, and each record that is not in place."""
    panel = panel_of(grant)
    if panel is None:
        return []
    probe = [("Probe address", panel.probe)] if panel.probe else []
    return probe + [
        (f"DNS record, {record.word[:1].lower()}{record.word[1:]}", _line(record)) for record in panel.missing
    ]


def _line(record: ShownRecord) -> str:
    row = record.row
    if row.purpose == Purpose.SPF and not row.publish:
        return f"the SPF record of {row.name}, with the term {row.value}"
    return f"{row.name}. {row.rdtype} {record.value}"


def note_of(service_request: ServiceRequest) -> str:
    """The paragraphs of an approval's email: where the proof goes, which records are published by whom, what is next."""
    grant = grant_of(service_request)
    if grant is None:
        return ""
    panel = panel_of(grant)
    assert panel is not None
    lines = [_line(record) for record in panel.missing]
    parts = []
    if lines:
        parts.append("DNS records to publish:\n" + "\n".join(lines))
        parts.append(f"{publisher()} The permission’s page shows each as soon as it is in place.")
    if panel.is_unproven and panel.probe:
        parts.append(
            f"Then let the service send one message, as it will send later, to its probe address:\n{panel.probe}"
        )
        parts.append(
            f"The permission stays unproven, and no mail may be sent under it, until a valid DKIM signature of "
            f"{grant.senders.signing_domain} was seen there. It then comes into force by itself."
        )
    return "\n\n".join(parts)
