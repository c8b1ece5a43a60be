"""How a program files a relay request."""

from portal.api.filing import Filing

FILING = Filing(
    kind="relay",
    summary="File a relay request",
    description="Files at once what the page files in six steps; every refusal is the page's own, by field.",
    examples={
        "system_kind": "copier",
        "capability": "neither",
        "addresses": ["129.118.10.20"],
        "hostname": "copier-7.ttu.edu",
        "senders": ["noreply-lab@ttu.edu"],
        "recipients": "internal",
        "typical_per_day": 20,
        "peak_per_hour": 10,
        "recipients_per_message": 1,
        "contents": "public",
        "tls": "yes",
        "department": "Physics",
        "purpose": "Scans to the staff of the department.",
        "after_hours_contact": "Help desk, 555 0100",
    },
)
