"""The forms of the engine's screens, and the base of every page of a kind's form."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from portal.accounts.directory import DirectoryUnavailable
from portal.accounts.mailboxes import Tie, mailboxes_for
from portal.institution import institution
from portal.lib.addresses import MailboxRefused, parse_mailbox
from portal.workflow.answers import Declaration, RequestColumn, answers_of, declare, declared
from portal.workflow.fields import PersonField, RowsWidget
from portal.workflow.findings import Finding
from portal.workflow.kinds import Answer, Choice, Terms
from portal.workflow.models import Visibility
from portal.workflow.services import answering

if TYPE_CHECKING:
    from portal.workflow.models import ServiceRequest


class StepForm(forms.Form):
    """One page of a kind's form. Its fields say where their answers are kept (`portal.workflow.answers`)."""

    live_fields: Sequence[str] = ()
    """Fields whose checks answer while the person types."""
    undeclared: Sequence[str] = ()
    """Fields that the page's own `save` and `answers` take care of."""
    made_later: Mapping[str, Declaration] = {}
    """What fields that are made at run time ask for, by its name among the cleaned data."""

    def __init__(
        self,
        service_request: "ServiceRequest",
        data: Any = None,
        files: Any = None,
        *,
        typed: Mapping[str, list[str]] | None = None,
    ) -> None:
        """`typed` is a saved draft of this page, shown as it was typed and not yet judged; files are no part of it."""
        self.service_request = service_request
        super().__init__(data, files, initial=self.answers_now(service_request))
        if data is None and typed:
            self._show_typed(typed)

    def _show_typed(self, typed: Mapping[str, list[str]]) -> None:
        query = QueryDict(mutable=True)
        for name, values in typed.items():
            query.setlist(name, values)
        for name, field in self.fields.items():
            if field.widget.needs_multipart_form:
                continue
            if name in query or isinstance(field.widget, forms.CheckboxInput):
                self.initial[name] = field.widget.value_from_datadict(query, {}, name)

    def answers_now(self, service_request: "ServiceRequest") -> dict[str, Any]:
        """The saved answers of this page, as initial values."""
        return {name: one.stored.read(service_request) for name, one in declared(type(self))}

    def save(self) -> None:
        """Write the cleaned answers. Called by the service, in its transaction."""
        fields = declared(type(self))
        answering.write(
            service_request=self.service_request,
            values=[(one.stored, self.cleaned_data[name]) for name, one in fields],
        )

    @classmethod
    def answers(cls, service_request: "ServiceRequest") -> list[Answer]:
        """The saved answers of this page, as people read them."""
        return list(answers_of(cls, service_request))

    def live_findings(self, field: str) -> list[Finding]:
        """What the checks say of one valid field; may ask the DNS within its deadline."""
        return []

    def add_row(self, name: str) -> None:
        """Show one more empty row of a list field."""
        widget = self.fields[name].widget if name in self.fields else None
        if isinstance(widget, RowsWidget):
            widget.extra_rows = 1

    def enable_live(self, url: str) -> None:
        """Let the live fields ask the page at `url`/FIELD/ while the person types (htmx attributes)."""
        for name in self.live_fields:
            widget = self.fields[name].widget
            attributes = {
                "hx-post": f"{url}{name}/",
                "hx-trigger": "input changed delay:600ms, change",
                "hx-target": f"#id_{name}_live",
                "hx-include": "closest form",
                "hx-sync": "this:replace",
            }
            if isinstance(widget, RowsWidget):
                widget.htmx = attributes
            else:
                widget.attrs.update(attributes)


class PeopleStep(StepForm):
    """Who owns what is asked for: department, co-owner, mailbox for notices, and what it is for."""

    department = declare(
        forms.CharField(max_length=150), RequestColumn("department"), "Department", is_shown_empty=True
    )
    purpose = declare(
        forms.CharField(
            label="What is it for?",
            max_length=2000,
            widget=forms.Textarea(attrs={"rows": 4}),
            help_text="In plain words: what is sent, to whom, and why.",
        ),
        RequestColumn("purpose"),
        "Purpose",
    )
    co_owner = declare(
        PersonField(
            label="Co-owner",
            required=False,
            help_text="A colleague who may act for you and takes over if you leave. Their email address.",
        ),
        RequestColumn("co_owner"),
        "Co-owner",
        is_shown_empty=True,
    )
    functional_mailbox = declare(
        forms.CharField(
            label="Mailbox for notices",
            required=False,
            max_length=254,
            help_text="A shared mailbox that gets the decision and every reminder, besides you.",
        ),
        RequestColumn("functional_mailbox"),
        "Mailbox for notices",
        is_code=True,
        is_shown_empty=True,
    )

    def clean_co_owner(self) -> Any:
        """Another person than the requester."""
        person = self.cleaned_data["co_owner"]
        if person is not None and person.pk == self.service_request.requester_id:
            raise ValidationError("You are the owner already. Name another person, or leave this empty.")
        return person

    def clean_functional_mailbox(self) -> str:
        """An address on the mail domain, or nothing."""
        text = self.cleaned_data["functional_mailbox"]
        if not text:
            return ""
        try:
            address = str(parse_mailbox(text, domain=institution().mail_domain))
        except MailboxRefused as error:
            raise ValidationError(str(error)) from None
        if address != self.service_request.functional_mailbox:
            self._refuse_a_strangers(address)
        return address

    def _refuse_a_strangers(self, address: str) -> None:
        """Notices and reminders go to it: nobody else's mailbox is signed up for them."""
        try:
            box = mailboxes_for(self.service_request.requester.email, [address])[address]
        except DirectoryUnavailable:
            raise ValidationError(
                "The directory did not answer, so the mailbox cannot be checked. Try again, or leave it empty."
            ) from None
        if box.tie in (Tie.CONSENT, Tie.FORBIDDEN) and box.department:
            raise ValidationError(
                f"{address} belongs to {box.department}. Name a mailbox of your own department, or leave it empty."
            )
        if box.tie is Tie.CONSENT and box.is_personal:
            raise ValidationError(f"{address} is another person’s own address. Name a shared mailbox.")


class SponsorField(PersonField):
    """A colleague of the requester who answers for a relationship with somebody outside, by a clause."""

    def __init__(self, clause: str) -> None:
        self.clause = clause
        super().__init__(
            label="Sponsor",
            help_text="A colleague who answers for the relationship. Not you; their email address.",
            error_messages={"required": f"{clause}: name a sponsor, who is another person than you."},
        )


def sponsor_field(clause: str) -> SponsorField:
    """The field `sponsor` of a `SponsoredStep`."""
    return declare(SponsorField(clause), RequestColumn("sponsor"), "Sponsor")


class SponsoredStep(StepForm):
    """A page that asks for the request's sponsor by a `sponsor_field` of that name."""

    def clean_sponsor(self) -> Any:
        """Neither the requester nor the co-owner: four eyes."""
        person, field = self.cleaned_data["sponsor"], self.fields["sponsor"]
        assert isinstance(field, SponsorField)
        parties = (self.service_request.requester_id, self.service_request.co_owner_id)
        if person is not None and person.pk in parties:
            raise ValidationError(
                f"{field.clause}: the sponsor is somebody else than you and the co-owner. Name a colleague."
            )
        return person


class RevisionForm(forms.Form):
    """An action that needs nothing but the revision of the page it was taken on."""

    revision = forms.IntegerField(widget=forms.HiddenInput)


class CommentForm(forms.Form):
    """A comment."""

    comment = forms.CharField(label="Comment", max_length=4000, widget=forms.Textarea(attrs={"rows": 3}))
    visibility = forms.ChoiceField(
        label="Who reads it?", choices=Visibility.choices, initial=Visibility.PUBLIC, widget=forms.RadioSelect
    )

    def __init__(self, *args: Any, internal: bool = False, **kwargs: Any) -> None:
        """`internal` offers notes that only reviewers read."""
        super().__init__(*args, **kwargs)
        if not internal:
            del self.fields["visibility"]


class AskForm(RevisionForm):
    """A question to the requester, about one answer or about the whole."""

    field = forms.ChoiceField(label="About which answer?", required=False)
    question = forms.CharField(
        label="What do you need to know?", max_length=2000, widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, *args: Any, fields: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        """`fields` are (field, label) of the answers."""
        super().__init__(*args, **kwargs)
        choice = self.fields["field"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [("", "The request as a whole"), *fields]


class ReasonForm(RevisionForm):
    """An action with a comment that may stay empty."""

    comment = forms.CharField(
        label="A word with it", max_length=4000, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )


class DenyForm(RevisionForm):
    """A denial: the reason and the clauses it rests on."""

    comment = forms.CharField(
        label="Why is it denied, and what could the requester do?",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": "Say why, in a sentence that the requester can act on."},
    )
    clauses = forms.MultipleChoiceField(
        label="Which clauses is it based on?",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Name at least one clause of the standards that the decision rests on."},
    )

    def __init__(self, *args: Any, clauses: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        """`clauses` are (id, words) of the kind's clauses."""
        super().__init__(*args, **kwargs)
        field = self.fields["clauses"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = list(clauses)


class ApproveForm(RevisionForm):
    """An approval: the reason, the last day, and what of the request is granted."""

    comment = forms.CharField(
        label="Why is it approved?",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say why, in a sentence that the requester can act on."},
    )
    ends_on = forms.DateField(
        label="Last day",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="You may cut the term; you cannot extend it.",
    )

    def __init__(
        self,
        *args: Any,
        service_request: "ServiceRequest",
        terms: Terms,
        choices: Sequence[Choice],
        **kwargs: Any,
    ) -> None:
        """`terms` are those asked for, `choices` what may be cut."""
        super().__init__(*args, **kwargs)
        self.service_request, self.terms, self.choices = service_request, terms, choices
        self.fields["ends_on"].initial = terms.ends_on
        self._add_choices(choices)

    def _add_choices(self, choices: Sequence[Choice]) -> None:
        for choice in choices:
            words = [(value, choice.labels.get(value, value)) for value in choice.values]
            if choice.is_single:
                self.fields[f"keep_{choice.field}"] = forms.ChoiceField(
                    label=choice.label,
                    choices=words,
                    initial=choice.values[0],
                    widget=forms.RadioSelect,
                    help_text="The first is what was requested; you may approve less.",
                )
                continue
            self.fields[f"keep_{choice.field}"] = forms.MultipleChoiceField(
                label=choice.label,
                choices=words,
                initial=list(choice.values),
                widget=forms.CheckboxSelectMultiple,
                help_text="Clear what you do not approve.",
                error_messages={"required": "Approve at least one, or deny the request."},
            )

    def clean_ends_on(self) -> Any:
        """A day inside the term asked for."""
        day = self.cleaned_data["ends_on"]
        if not self.terms.starts_on <= day <= self.terms.ends_on:
            raise ValidationError(
                f"The last day must lie between {self.terms.starts_on:%Y-%m-%d} and {self.terms.ends_on:%Y-%m-%d}."
            )
        return day

    def granted(self) -> Terms:
        """The terms as the reviewer left them."""
        data = self.cleaned_data
        keep = {
            choice.field: [data[f"keep_{choice.field}"]] if choice.is_single else data[f"keep_{choice.field}"]
            for choice in self.choices
        }
        return Terms(self.terms.starts_on, data["ends_on"], keep)


class WaiveForm(forms.Form):
    """A waiver of one clause."""

    rule = forms.CharField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label="Why may it be set aside?", max_length=2000, widget=forms.Textarea(attrs={"rows": 2})
    )


class UploadForm(forms.Form):
    """One file."""

    upload = forms.FileField(
        label="Add a file",
        help_text="PDF, PNG, JPEG, DOCX, XLSX, ODT, TXT, CSV or EML, at most 10 MB.",
        error_messages={
            "required": "Choose a file first.",
            "empty": "This file is empty. Choose another.",
            "max_length": "The name of this file is too long. Give it a shorter one.",
        },
    )
