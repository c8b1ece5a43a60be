"""The proof that a relay permission's mail is signed (OVR-4): one message from the system to its probe address.

What it shows: a message whose From is one of the permission's senders, that was made for this probe address, reached
a receiver with a valid, aligned DKIM signature of our mail domain. The probe address is a secret of the permission
and has to stand in a To or Cc field that the signature covers, so that neither an old message sent again nor
somebody else's message, forwarded, counts.

What it does not show: which machine sent it. Fields such as Received and X-TechMail-Grant can be written by anybody
before the message reaches us, so none of them is read. That the system itself may relay is the policy service's to
enforce.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import getaddresses, parsedate_to_datetime

from django.utils import timezone

from portal.grants.models import Grant
from portal.institution import institution
from portal.lib.outcome import Outcome
from portal.lib.text import sentence_list
from portal.mailauth.message_intake import Message
from portal.mailauth.message_report import MessageReport, SignatureReport
from portal.samples.kinds import Wanted
from portal.samples.models import SignedSample, SigningProof
from portal.samples.probe import give_token, probe_address
from portal.samples.services import keep_signing_proof, outdate_signing_proof
from portal.ui.moments import day_in_words

LONGEST_WAY = timedelta(days=2)
"""Between the signature and the arrival: queues try for days, but a proof is sent again sooner than that."""
_SIGNED_AT = re.compile(r"(?:^|;)\s*t\s*=\s*([0-9]{1,11})\s*(?:;|$)")


def senders_of(grant: Grant) -> list[str]:
    """The senders that the grant allows, in lower case."""
    return [row.address.lower() for row in grant.relay.senders.all()]


def wanted_of(senders: Iterable[str]) -> Wanted:
    """From at the domain of one of `senders`, signed as our mail domain."""
    domains = frozenset(sender.rpartition("@")[2].lower() for sender in senders)
    return Wanted(domains, institution().mail_domain)


def closer_verdict(
    *, sample: SignedSample, senders: Iterable[str], message: Message, report: MessageReport
) -> tuple[Outcome, str]:
    """Whether a message with a valid, aligned signature of our mail domain proves the permission, and why not."""
    permitted = sorted(senders)
    address = (report.from_address or "").lower()
    if len(getaddresses([value.decode("utf-8", "replace") for value in message.values("From")])) > 1:
        return (
            Outcome.FAIL,
            "Its From names more than one address. Let the system send as one of its senders alone.",
        )
    if address not in permitted:
        return Outcome.FAIL, (
            f"It is from {address}, and this permission may send as {sentence_list(permitted, 'or')}. "
            "Let the system send as one of these."
        )
    if sample.source != SignedSample.Source.PROBE:
        return Outcome.FAIL, "It was uploaded. Let the system itself send a message to the probe address."
    probe = probe_address(sample.service_request)
    signature = next(_made_for(probe, message, report), None)
    if signature is None:
        return Outcome.FAIL, (
            "Its signature does not cover one To or Cc field that names the probe address, so it may be an old or "
            "another message sent on. Let the system send a new one, addressed to the probe address alone."
        )
    signed_at = _signed_at(*signature, message)
    if signed_at is not None and signed_at < sample.received_at - LONGEST_WAY:
        return Outcome.FAIL, (
            f"It was signed on {_day(signed_at)} and arrived on {_day(sample.received_at)}, so it may be an old "
            "message sent again. Send a new one; if it was new, check the clock of the mail host that signs."
        )
    when = [f"It was signed on {_day(signed_at)}."] if signed_at is not None else []
    said = (
        f"It is from {address}, was made for this probe address, and has a valid and aligned DKIM signature of "
        f"{institution().mail_domain}."
    )
    return Outcome.PASS, " ".join((said, *when, *signature[1].warnings))


def _day(moment: datetime) -> str:
    return day_in_words(timezone.localdate(moment))


def _made_for(probe: str, message: Message, report: MessageReport) -> Iterator[tuple[str, SignatureReport]]:
    """The counting signatures, each with its raw field, that cover the one To or Cc field with the probe address.

    A field that stands twice is not taken: of two, a signature may cover the other one (RFC 6376 section 5.4.2).
    """
    named = [name for name in ("to", "cc") if _names(probe, message.values(name))]
    raw = message.values("DKIM-Signature")
    for value, signature in zip(raw, report.dkim, strict=False):
        counts = signature.valid is True and not signature.limit and signature.aligned.everywhere
        if counts and signature.domain == institution().mail_domain and set(named) & set(signature.covers):
            yield value.decode("ascii", "replace"), signature


def _names(probe: str, values: list[bytes]) -> bool:
    if len(values) != 1:
        return False
    exact = rf"(?<![a-z0-9.+_-]){re.escape(probe.lower())}(?![a-z0-9.-])"
    return re.search(exact, values[0].decode("ascii", "replace").lower()) is not None


def _signed_at(value: str, signature: SignatureReport, message: Message) -> datetime | None:
    """When it was signed: t= of the signature, else a Date that it covers; None where neither can be read."""
    stamped = _SIGNED_AT.search(value)
    if stamped is not None:
        try:
            return datetime.fromtimestamp(int(stamped[1]), UTC)
        except (OverflowError, OSError, ValueError):
            return None
    dates = message.values("Date")
    if len(dates) != 1 or "date" not in signature.covers:
        return None
    try:
        found = parsedate_to_datetime(dates[0][:100].decode("ascii", "replace").strip())
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def keep_proof(*, grant: Grant, sample: SignedSample, wanted: Wanted) -> bool:
    """Note what a sample proves, unless the senders were changed while it was judged; returns whether it was noted."""
    address = str(sample.evidence.get("from") or "").lower()

    def holds(held: Grant) -> bool:
        senders = senders_of(held)
        return address in senders and wanted_of(senders) == wanted

    return keep_signing_proof(
        grant=grant, sample=sample, signing_domain=institution().mail_domain, holds=holds
    )


def forget_proof(*, grant: Grant, sample: SignedSample) -> None:
    """A sample that once counted proves nothing by today's rules: neither does the grant's proof that rests on it."""
    SigningProof.objects.filter(grant=grant, sample=sample).delete()


def after_writing(*, grant: Grant) -> None:
    """After a permission was issued, renewed or changed: it has a probe address, and an outgrown proof says so."""
    give_token(service_request=grant.latest_request)
    outdate_signing_proof(grant=grant, senders=senders_of(grant))


def instructions(grant: Grant) -> list[tuple[str, str]]:
    """How the owner proves it: where to, as whom, through which host."""
    return [
        ("Probe address", probe_address(grant.latest_request)),
        ("From", sentence_list(senders_of(grant), "or")),
        ("Through", institution().relay_host),
    ]
