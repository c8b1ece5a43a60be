"""The probe address of each request: where a vendor's service sends a test message as proof."""

import re

from django.conf import settings

from portal.lib.addresses import MailboxRefused, parse_mailbox
from portal.samples.models import ProbeToken
from portal.workflow.models import ServiceRequest

_TOKEN = re.compile(r"[0-9a-f]{20,40}")


def probe_address(service_request: ServiceRequest) -> str:
    """`probe+TOKEN@` of the request, from the setting PROBE_MAILBOX."""
    local, _, domain = settings.PROBE_MAILBOX.rpartition("@")
    return f"{local}+{service_request.probe_token.token}@{domain}"


def give_token(*, service_request: ServiceRequest) -> None:
    """Give a request its probe address if it has none; called by `new_detail` of kinds that take samples."""
    ProbeToken.objects.get_or_create(service_request=service_request)


def token_in(address: str) -> str | None:
    """The token in a recipient's address; None if it is not one of our probe addresses."""
    try:
        mailbox = parse_mailbox(address)
    except MailboxRefused:
        return None
    local, _, domain = settings.PROBE_MAILBOX.lower().rpartition("@")
    name, plus, token = mailbox.local.partition("+")
    is_ours = name == local and mailbox.domain == domain and plus
    return token if is_ours and _TOKEN.fullmatch(token) else None
