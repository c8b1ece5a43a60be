"""How a program files a relay request."""

from ninja import Field, Schema

from portal.api.filing import Filing


class RelayAnswers(Schema):
    """The answers of the relay form, by the names of its fields; choices by their keys. See docs/api.md."""

    system_kind: str = Field(examples=["copier"])
    capability: str = Field(examples=["neither"])
    capability_reason: str = ""
    addresses: list[str] = Field(examples=[["129.118.10.20"]])
    range_reason: str = ""
    hostname: str = Field(examples=["copier-7.ttu.edu"])
    senders: list[str] = Field(examples=[["noreply-lab@ttu.edu"]])
    bounce_address: str = ""
    recipients: str = Field(examples=["internal"])
    recipient_domains: str = ""
    typical_per_day: int = Field(examples=[20])
    peak_per_hour: int = Field(examples=[10])
    most_per_day: int | None = Field(
        None,
        description="Recipients on one day at most, which the relay enforces; twice a typical day where it is left out.",
    )
    external_per_day: int | None = Field(
        None,
        description="Of these, recipients outside the mail domain; needed unless `recipients` is `internal`.",
    )
    recipients_per_message: int = Field(1, examples=[1])
    is_fed_by_web_form: bool = False
    contents: str = Field(examples=["public"])
    tls: str = Field(examples=["yes"])
    department: str = Field(examples=["Physics"])
    purpose: str = Field(examples=["Scans to the staff of the department."])
    co_owner: str = ""
    functional_mailbox: str = ""
    asset_tag: str = ""
    after_hours_contact: str = Field(examples=["Help desk, 555 0100"])
    is_attested: bool = Field(description="What the owner states (REL-0, REL-1, MKT-2): must be true.")


FILING = Filing(
    kind="relay",
    path="/relay-requests",
    name="file_relay_request",
    summary="File a relay request",
    description="Files at once what the page files in six steps; every refusal is the page's own, by field.",
    answers=RelayAnswers,
)
