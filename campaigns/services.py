"""Services of campaign requests and permissions, and the small reads that forms and rules share."""

from email.headerregistry import Address

from campaigns.models import (
    CampaignMessage,
    CampaignPermission,
    CampaignRequest,
    PermittedAudience,
)
from portal.accounts.models import User
from portal.grants.models import Grant
from portal.grants.services import permitting
from portal.message_checks.canonical import canonical_sha256
from portal.message_checks.composing import compose_message
from portal.message_checks.parsing import parse_message
from portal.workflow.kinds import Terms
from portal.workflow.models import ServiceRequest
from portal.workflow.services import answering


def audience_of(service_request: ServiceRequest) -> dict[str, int]:
    """Return how many people of each population the request is for."""
    return {row.population: row.people for row in CampaignRequest.of(service_request).audiences.all()}


def add_message(
    *,
    service_request: ServiceRequest,
    added_by: User,
    raw: bytes,
    file_name: str = "",
    subject: str = "",
    html: str = "",
    text: str = "",
) -> CampaignMessage:
    """Make `raw` the message of the request and return its row; the same octets again change nothing.

    Raises UnreadableMessage (a ValueError) if `raw` cannot be read.
    """
    parsed = parse_message(raw)
    digest = canonical_sha256(parsed)
    detail = CampaignRequest.of(service_request)
    present = detail.message
    if present is not None and bytes(present.raw) == raw:
        return present
    message = CampaignMessage.objects.create(
        service_request=service_request,
        raw=raw,
        canonical_sha256=digest,
        subject=(subject or parsed.subject)[:998],
        html=html,
        text=text,
        file_name=file_name,
        added_by=added_by,
    )
    answering.write_columns(detail=detail, columns={"message": message})
    return message


def text_of(message: CampaignMessage) -> str:
    """The message as text: its plain part, or what its HTML says."""
    return parse_message(bytes(message.raw)).text


def sender_of(detail: CampaignRequest) -> str:
    """From as a header has it (RFC 5322 section 3.4)."""
    local, _, domain = detail.from_address.rpartition("@")
    return str(Address(detail.from_name, local, domain))


def compose(
    *, service_request: ServiceRequest, added_by: User, subject: str, html: str, text: str
) -> CampaignMessage:
    """Make the message of the parts, with From of the sender's page, the request's message."""
    raw = compose_message(subject, html, text, sender_of(CampaignRequest.of(service_request)))
    return add_message(
        service_request=service_request, added_by=added_by, raw=raw, subject=subject, html=html, text=text
    )


def compose_again(*, service_request: ServiceRequest, added_by: User) -> None:
    """After a change of the sender: a composed message gets the new From; a file stays as it was handed in."""
    message = CampaignRequest.of(service_request).message
    if message is not None and not message.file_name:
        compose(
            service_request=service_request,
            added_by=added_by,
            subject=message.subject,
            html=message.html,
            text=message.text,
        )


def write_permission(*, grant: Grant, service_request: ServiceRequest, terms: Terms) -> CampaignPermission:
    """Bind the grant to the exact message, its audience (less what was cut), platform and stop limits."""
    detail = CampaignRequest.of(service_request)
    message = detail.message
    if message is None:
        raise ValueError("A campaign without a message cannot be granted.")
    permission = permitting.write_permission(
        model=CampaignPermission,
        grant=grant,
        detail=detail,
        instead={"canonical_sha256": message.canonical_sha256},
    )
    kept = terms.keep.get("populations", list(audience_of(service_request)))
    permission.audiences.all().delete()
    PermittedAudience.objects.bulk_create(
        PermittedAudience(permission=permission, population=row.population, people=row.people)
        for row in detail.audiences.all()
        if row.population in kept
    )
    return permission
