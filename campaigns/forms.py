"""The first pages of the campaign form. Each refusal names its clause and says what to do."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from campaigns import rules, selectors, services
from campaigns.answers import audience_lines, from_of
from campaigns.lists import lists_sentence
from campaigns.models import (
    Audience,
    CampaignKind,
    CampaignRequest,
    Consent,
    Platform,
    Runner,
)
from portal.grants.models import Grant
from portal.institution import institution
from portal.lib.addresses import MailboxRefused, parse_mailbox
from portal.lib.text import one_line
from portal.workflow.answers import Declaration, Rows, declare, field_for
from portal.workflow.forms import StepForm
from portal.workflow.services import answering, consenting

YES_NO = (("yes", "Yes"), ("no", "No"))


class CampaignStep(StepForm):
    """A page of the campaign form."""

    @property
    def detail(self) -> CampaignRequest:
        """Return the detail row of the request."""
        return CampaignRequest.of(self.service_request)

    def need(self, name: str, sentence: str) -> None:
        """Add an error to an empty field that other answers require."""
        if not self.cleaned_data.get(name) and name not in self.errors:
            self.add_error(name, sentence)


class SortStep(CampaignStep):
    """The page for the kind of mail and who sends it (MKT-4, MKT-5)."""

    kind = field_for(CampaignRequest.kind, "What is it?", answer="What it is")
    runner = field_for(CampaignRequest.runner, "Who sends it?", answer="Who sends it")
    vendor = field_for(
        CampaignRequest.vendor,
        "Which third party sends it?",
        answer="Third party",
        is_searched=True,
        required=False,
        help_text="The company or organization.",
        shown_when=("runner", (Runner.THIRD_PARTY.value,)),
    )

    def clean(self) -> dict[str, Any]:
        """Check that a third party has a name."""
        data = super().clean() or self.cleaned_data
        if data.get("runner") == Runner.THIRD_PARTY:
            self.need("vendor", "Name the third party that sends.")
        else:
            data["vendor"] = ""
        return data


class YesNoField(forms.ChoiceField):
    """A question with yes and no; the value is True, False, or None for no answer."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=YES_NO, widget=forms.RadioSelect, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Return the choice for True or False."""
        return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value

    def clean(self, value: Any) -> Any:
        """Return the answer as True, False or None."""
        return {"yes": True, "no": False}.get(super().clean(value))


class ContentStep(CampaignStep):
    """The page for the primary purpose: the five questions of 16 CFR 316.3."""

    promotes = field_for(
        CampaignRequest.promotes,
        "Does it advertise or promote a product, a service or an event that costs money?",
        answer="Promotes something",
        form_class=YesNoField,
        help_text="If not, the rules for commercial mail do not apply.",
    )
    has_transactional = field_for(
        CampaignRequest.has_transactional,
        "Does it also contain something that readers need because of an existing relationship with us?",
        answer="Contains what readers need",
        form_class=YesNoField,
        required=False,
        help_text="Such as a receipt, a due date, or a change of an account or a class.",
        shown_when=("promotes", ("yes",)),
    )
    subject_reads_commercial = field_for(
        CampaignRequest.subject_reads_commercial,
        "Would somebody who sees only the subject think it is an advertisement?",
        answer="Subject reads like advertising",
        form_class=YesNoField,
        required=False,
        shown_when=("promotes", ("yes",)),
    )
    transactional_first = field_for(
        CampaignRequest.transactional_first,
        "Does it begin with what readers need?",
        answer="What readers need comes first",
        form_class=YesNoField,
        required=False,
        shown_when=("has_transactional", ("yes",)),
    )
    body_reads_commercial = field_for(
        CampaignRequest.body_reads_commercial,
        "Is most of the message, or the most eye-catching part of it, advertising?",
        answer="Mostly advertising",
        form_class=YesNoField,
        required=False,
        shown_when=("promotes", ("yes",)),
    )

    def clean(self) -> dict[str, Any]:
        """Check that the other questions are answered if the message promotes something."""
        data = super().clean() or self.cleaned_data
        if not data.get("promotes"):
            return data | dict.fromkeys(name for name in self.fields if name != "promotes")
        for name in ("has_transactional", "subject_reads_commercial", "body_reads_commercial"):
            self._need_answer(name)
        if data.get("has_transactional"):
            self._need_answer("transactional_first")
        else:
            data["transactional_first"] = None
        return data

    def _need_answer(self, name: str) -> None:
        if self.cleaned_data.get(name) is None and name not in self.errors:
            self.add_error(
                name, "Answer this as well. The law’s requirements depend on all of these answers."
            )


class SenderStep(CampaignStep):
    """The page for the sender of record and the platform (CS-1, CS-12)."""

    sender_of_record = field_for(
        CampaignRequest.sender_of_record,
        "Which unit is the sender of record?",
        answer="Sender of record",
        is_searched=True,
        help_text="One unit, even if several take part.",
    )
    from_name = field_for(
        CampaignRequest.from_name,
        "Name in From",
        answer="",  # Shown with the address.
        help_text="What people see as the sender. It names the unit.",
    )
    from_address = field_for(
        CampaignRequest.from_address,
        "Address in From",
        answer="From",
        key="from",
        composed=from_of,
        is_code=True,
        is_searched=True,
        form_class=forms.CharField,
        help_text="Somebody must read the replies there.",
    )
    platform = field_for(
        CampaignRequest.platform,
        "What sends it?",
        answer="Platform",
        help_text="Nothing else may send such mail for us.",
    )
    sender_grant = declare(
        forms.ModelChoiceField(
            label="Which sender authorization?",
            queryset=Grant.objects.none(),
            required=False,
            empty_label="Choose one",
            help_text="Yours and your department's, if they are in force today. For another one, ask its owner to name "
            "you as co-owner.",
        ),
        CampaignRequest.sender_grant,
        "Sender authorization",
        shown_when=("platform", (Platform.AUTHORIZED.value,)),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["sender_grant"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = selectors.usable_sender_grants(self.service_request.requester)
        choice.error_messages["invalid_choice"] = self._whom_to_ask()

    def _whom_to_ask(self) -> str:
        """Return the sentence for an authorization that the requester may not use, or that is not in force."""
        chosen = str(self.data.get(self.add_prefix("sender_grant"), ""))
        found = (
            selectors.sender_grants().filter(pk=chosen).first()
            if chosen.isascii() and chosen.isdigit()
            else None
        )
        if found is None:
            return "This sender authorization is not in force. Choose another one."
        return rules.not_theirs(found)

    def clean_from_name(self) -> str:
        """Return the name as one line."""
        return one_line(self.cleaned_data["from_name"])

    def clean_from_address(self) -> str:
        """Return one exact address."""
        try:
            return str(parse_mailbox(self.cleaned_data["from_address"])).lower()
        except MailboxRefused as error:
            raise ValidationError(str(error)) from None

    def clean(self) -> dict[str, Any]:
        """Check that a service has an authorization, and that the list server sends for our domain."""
        data = super().clean() or self.cleaned_data
        if data.get("platform") == Platform.AUTHORIZED:
            self.need("sender_grant", self._which_to_choose(data.get("from_address", "")))
        else:
            data["sender_grant"] = None
            domain = institution().mail_domain
            address = data.get("from_address", "")
            if address and not address.endswith(f"@{domain}"):
                self.add_error(
                    "from_address",
                    f"REL-3: the list server sends only for addresses @{domain}. Use one of those.",
                )
        return data

    def _which_to_choose(self, from_address: str) -> str:
        domain = from_address.rpartition("@")[2]
        of_domain = selectors.sender_grants().filter(subject_key__iexact=domain).first() if domain else None
        if of_domain and not selectors.may_use_sender_grant(of_domain, self.service_request.requester):
            return rules.not_theirs(of_domain)
        return "MKT-4: choose the sender authorization of the service."

    def save(self) -> None:
        """Save the answers. A composed message gets the new From."""
        detail = CampaignRequest.of(self.service_request)
        before = detail.from_address
        super().save()
        if self.cleaned_data["from_address"] != before:  # What was agreed to was the address as it was.
            detail = CampaignRequest.of(self.service_request)
            answering.write_columns(detail=detail, columns=consenting.NOBODY_ASKED)
        services.compose_again(service_request=self.service_request, added_by=self.service_request.requester)


AUDIENCE = Declaration(
    Rows(
        Audience,
        value=lambda row: (row.population, row.people),
        columns=lambda pair: {"population": pair[0], "people": pair[1]},
    ),
    "Who gets it",
    words=lambda pairs: "\n".join(audience_lines(dict(pairs))),
)


class AudienceStep(CampaignStep):
    """The page for the audience, its size and consent (CS-6, CS-10)."""

    made_later = {"audience": AUDIENCE}
    audience_source = field_for(
        CampaignRequest.audience_source,
        "Where does the list of addresses come from?",
        answer="Source of the list",
        rows=2,
        help_text="For example: the student information system, or people who signed up on our page.",
    )
    consent = field_for(CampaignRequest.consent, "Why may they be emailed?", answer="Why they may be emailed")
    is_list_clean = field_for(
        CampaignRequest.is_list_clean,
        "The list was not bought, collected from web pages or guessed. Nobody on it has opted out.",
        answer="List not bought or harvested",
        error_messages={
            "required": "MKT-2: mail to such lists is prohibited. Ask for advice before you continue."
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = {
            f"people_{entry.key}": forms.IntegerField(
                label=f"{entry.label}: how many?",
                min_value=1,
                max_value=10_000_000,
                required=False,
                help_text=lists_sentence(institution().lists_of({entry.key})),
            )
            for entry in institution().populations
        }
        self.fields = rows | self.fields
        if not self.is_bound:
            now = services.audience_of(self.service_request)
            for key, people in now.items():
                self.initial.setdefault(f"people_{key}", people)

    @property
    def people(self) -> dict[str, int]:
        """Return the populations with a number."""
        named = {
            entry.key: self.cleaned_data.get(f"people_{entry.key}") for entry in institution().populations
        }
        return {key: count for key, count in named.items() if count}

    def clean_consent(self) -> str:
        """Refuse mail without any consent or relationship."""
        value: str = self.cleaned_data["consent"]
        if value == Consent.NONE:
            raise ValidationError(
                "MKT-2: that would be unsolicited bulk mail, which is prohibited. Send only to people who have "
                "a relationship with us."
            )
        return value

    def clean(self) -> dict[str, Any]:
        """Check that somebody gets it, and that the kind of survey fits the populations."""
        data = super().clean() or self.cleaned_data
        place, people = institution(), self.people
        first = f"people_{place.populations[0].key}"
        if not people and not self.errors:
            self.add_error(first, "Enter how many people of at least one group get it.")
        campus = [entry.label for entry in place.populations if entry.is_campus and entry.key in people]
        if self.detail.kind == CampaignKind.EXTERNAL_SURVEY and campus:
            self.add_error(
                first,
                "MKT-5: this is a survey of faculty, staff or students. Change that on the first page of this form.",
            )
        if self.detail.kind == CampaignKind.SURVEY and people and not campus:
            self.add_error(
                first,
                "No faculty, staff or students are entered. Change the first page to a survey of "
                "people outside.",
            )
        return data | {"audience": list(people.items())}
