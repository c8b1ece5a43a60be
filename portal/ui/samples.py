"""Sample values for the styleguide: shaped like the real ones, and touching no table."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

from django import forms
from django.utils import timezone

from portal.ui.parts import Chip, Evidence, Hinted, RouteStop, Row, Tab


class SampleForm(forms.Form):
    """One field of every sort."""

    host = forms.CharField(
        label="Host name",
        max_length=253,
        help_text="The name of the system in the DNS.",
        widget=forms.TextInput(attrs={"hx-get": "/styleguide/live/"}),
    )
    system = forms.ChoiceField(
        label="What kind of system is it?",
        choices=[
            ("printer", Hinted("Printer or copier", "A device that scans to mail or reports its toner.")),
            ("server", "Server application"),
            ("other", "Something else"),
        ],
        widget=forms.RadioSelect,
    )
    other_system = forms.CharField(label="What is it?", max_length=100, required=False)
    clauses = forms.MultipleChoiceField(
        label="Which clauses is it based on?",
        choices=[("REL-1", "REL-1 One system, one year"), ("REL-2", "REL-2 No external systems")],
        widget=forms.CheckboxSelectMultiple,
        help_text="Choose at least one.",
    )
    reach = forms.ChoiceField(
        label="Who gets the mail?", choices=[("in", "People here"), ("all", "Anybody")], required=False
    )
    volume = forms.IntegerField(label="Messages a day", min_value=1, help_text="On a typical day.")
    ends_on = forms.DateField(
        label="Last day", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), required=False
    )
    purpose = forms.CharField(
        label="What is it for?", max_length=400, widget=forms.Textarea(attrs={"rows": 4}), required=False
    )
    file = forms.FileField(label="A file", required=False, help_text="PDF, text or an image, up to 10 MB.")
    locked = forms.CharField(label="Requester", initial="Maria Ortiz", disabled=True, required=False)
    agree = forms.BooleanField(
        label="The system belongs to my department, and I answer for what it sends.",
        help_text="Clause REL-0.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        extras: dict[str, dict[str, Any]] = {
            "host": {"example": "copier-12.library.ttu.edu", "is_code": True},
            "other_system": {"shown_when": ("system", ("other",)), "width": "medium"},
            "reach": {"width": "medium"},
        }
        for name, values in extras.items():
            vars(self.fields[name]).update(values)


class SampleRow(forms.Form):
    """One row of a formset."""

    address = forms.GenericIPAddressField(label="IP address", help_text="IPv4 or IPv6.")
    reason = forms.CharField(label="Why this one?", required=False, max_length=200)


@dataclass(frozen=True)
class Change:
    """One changed answer."""

    label: str
    before: str
    after: str


class _Changes(list[Change]):
    def all(self) -> "list[Change]":
        """As a related manager answers."""
        return self


@dataclass(frozen=True)
class Happening:
    """One entry of a timeline."""

    pk: int
    actor: str
    action: str
    label: str
    days_ago: float
    comment: str = ""
    visibility: str = "public"
    clauses: tuple[str, ...] = ()
    changes: _Changes = field(default_factory=_Changes)

    @property
    def at(self) -> Any:
        """When it happened."""
        return timezone.now() - timedelta(days=self.days_ago)


def bound_form() -> SampleForm:
    """The form as it comes back with errors."""
    typed = {"wrong-host": "copier_12", "wrong-system": "other", "wrong-volume": "many"}
    form = SampleForm(typed, prefix="wrong")
    form.add_error("host", "A host name has letters, digits and hyphens only. Take out the underscore.")
    form.add_error(None, "The request changed while you were typing. Read it again, then go on.")
    return form


def evidence() -> list[Evidence]:
    """Findings of every outcome."""
    record = {"name": "copier-12.library.ttu.edu", "A": ["129.118.10.9"], "PTR": "copier-12.library.ttu.edu"}
    return [
        Evidence(
            "REL-2",
            "pass",
            "129.118.10.9 lies inside the campus network.",
            evidence={"network": "129.118.0.0/16"},
        ),
        Evidence(
            "REL-0", "warn", "The name in the DNS and the reverse name differ.", must=False, evidence=record
        ),
        Evidence("REL-3", "fail", "scanner@ttu.edu is not known to the directory.", waivable=True),
        Evidence(
            "AUT-3",
            "unknown",
            "The name server did not answer within 3 seconds. It is asked again.",
            must=False,
        ),
    ]


def timeline() -> list[Happening]:
    """A request from draft to decision."""
    changed = _Changes(
        [
            Change("Sender addresses", "scanner@ttu.edu", "library.scan@ttu.edu"),
            Change("Bounce address", "", "lib@ttu.edu"),
        ]
    )
    return [
        Happening(1, "Maria Ortiz", "submit", "submitted the request", 9.2),
        Happening(
            2,
            "Sam Okafor",
            "take",
            "took the request",
            8.1,
            "The library's second copier this year.",
            "reviewers",
        ),
        Happening(
            3, "Sam Okafor", "ask", "asked for information", 8, "Which mailbox should the bounces go to?"
        ),
        Happening(4, "Maria Ortiz", "resubmit", "answered and sent it back to review", 6.5, changes=changed),
        Happening(5, "", "escalate", "The stage is overdue; its people were reminded", 2),
        Happening(
            6,
            "Sam Okafor",
            "deny",
            "denied the request",
            0.12,
            "The address is not in the directory.",
            clauses=("REL-3",),
        ),
    ]


def route() -> list[RouteStop]:
    """A stage of every status."""
    now = timezone.now()
    return [
        RouteStop("IT review", "done", "Sam Okafor", now - timedelta(days=3)),
        RouteStop(
            "Postmaster",
            "now",
            "Postmaster",
            now - timedelta(days=1),
            due_on=timezone.localdate() + timedelta(days=1),
        ),
        RouteStop("Office of the CIO", "next", "CIO office", target="3 business days"),
        RouteStop("Information security", "skipped", note="Only for confidential data"),
    ]


def grants(today: date) -> list[Any]:
    """Terms at four ages: begun, in the renewal window, on the last day, over."""
    starts = (20, 330, 364, 400)
    return [
        SimpleNamespace(starts_on=today - timedelta(days=days), ends_on=today - timedelta(days=days - 364))
        for days in starts
    ]


def rows() -> list[Row]:
    """A summary list with every sort of value."""
    return [
        Row("Host", "copier-12.library.ttu.edu", is_code=True, change_url="#host"),
        Row("Addresses", lines=("129.118.10.9", "2001:db8:4000::9"), is_code=True, change_url="#address"),
        Row(
            "Purpose",
            "Sends scans to the people who made them.\nReports an empty tray.",
            change_url="#purpose",
        ),
        Row("Co-owner", "", change_url="#co-owner"),
    ]


def queue() -> list[dict[str, Any]]:
    """Rows of a queue."""
    today = timezone.localdate()
    row = {"kind": "relay", "state": "in_review", "person": "Maria Ortiz", "department": "Library Systems"}
    return [
        row
        | {
            "reference": "TM-R-1042",
            "subject": "copier-12.library.ttu.edu",
            "due": today - timedelta(days=2),
            "failing": 1,
            "assignee": "Sam Okafor",
            "days": 6,
        },
        row
        | {
            "reference": "TM-R-1043",
            "subject": "129.118.10.16/29",
            "due": today,
            "failing": 0,
            "assignee": "",
            "days": 3,
        },
        row
        | {
            "reference": "TM-S-1007",
            "subject": "news.ttu.edu",
            "due": today + timedelta(days=4),
            "failing": 0,
            "assignee": "",
            "days": 1,
            "state": "needs_information",
            "paused": True,
        },
    ]


def tabs() -> list[Tab]:
    """Tabs with counts."""
    return [
        Tab("Mine", "#mine", "3", is_current=True),
        Tab("My role's", "#role", "12"),
        Tab("Unassigned", "#free", "9"),
        Tab("All open", "#all", "1,000+"),
    ]


def chips() -> list[Chip]:
    """Filters that are set."""
    return [Chip("Kind: SMTP relay", "#kind"), Chip("Overdue", "#overdue")]
