"""The probe address of each request: where a vendor's service sends a test message as proof."""

import re

from django.conf import settings

from portal.grants.selectors import grant_of
from portal.lib.addresses import MailboxRefused, parse_mailbox
from portal.samples.kinds import sampled_kind
from portal.samples.models import ProbeToken
from portal.workflow.models import ServiceRequest
from portal.workflow.states import OPEN_STATES, State

_TOKEN = re.compile(r"[0-9a-f]{20,40}")


def probe_address(service_request: ServiceRequest) -> str:
    """`probe+TOKEN@` of the request, from the setting PROBE_MAILBOX."""
    local, _, domain = settings.PROBE_MAILBOX.rpartition("@")
    return f"{local}+{service_request.probe_token.token}@{domain}"


def token_in(address: str) -> str | None:
    """The token in a recipient's address; None where it is no probe address of ours."""
    try:
        mailbox = parse_mailbox(address)
    except MailboxRefused:
        return None
    local, _, domain = settings.PROBE_MAILBOX.lower().rpartition("@")
    name, plus, token = mailbox.local.partition("+")
    is_ours = name == local and mailbox.domain == domain and plus
    return token if is_ours and _TOKEN.fullmatch(token) else None


def live_request(token: str) -> ServiceRequest | None:
    """The request of a token that still takes samples: open, or approved with a grant that is not over."""
    row = ProbeToken.objects.select_related("service_request").filter(token=token).first()
    return row.service_request if row is not None and takes_samples(row.service_request) else None


def takes_samples(service_request: ServiceRequest) -> bool:
    """Whether a sample may still change anything for the request."""
    kind = sampled_kind(service_request.kind)
    if kind is None:
        return False
    if service_request.state in OPEN_STATES:
        return not kind.proves_signing  # before the approval none of its mail passes
    grant = grant_of(service_request) if service_request.state == State.APPROVED else None
    return grant is not None and grant.is_open
