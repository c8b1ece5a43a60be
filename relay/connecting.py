"""How a permitted system connects to the relay."""

from portal.institution import institution
from relay import volume
from relay.models import Recipients, RelayPermission


def recipients_of(permission: RelayPermission) -> list[str]:
    """To whom the system may send, a line each."""
    if permission.recipients == Recipients.ANYONE:
        return [Recipients.ANYONE.label]
    return [
        f"Addresses at {name}" for name in [institution().mail_domain, *permission.recipient_domains.split()]
    ]


def connect_rows(permission: RelayPermission) -> list[tuple[str, list[str]]]:
    """What its administrator enters in the system, and what the relay then accepts, as (label, values)."""
    place = institution()
    rows = [
        ("Server", [place.relay_host]),
        ("Port", [str(place.relay_port)]),
        ("Encryption", [place.relay_tls]),
        ("Sign-in", ["None. The relay knows the system by its address."]),
        ("Sender address", [row.address for row in permission.senders.all()]),
        ("Recipients", recipients_of(permission)),
    ]
    limits = volume.in_words(permission.per_day, permission.external_per_day, permission.peak_per_hour)
    return [*rows, ("At most", limits)] if limits else rows
