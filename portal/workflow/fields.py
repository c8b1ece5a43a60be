"""Form fields that several kinds share: a list of rows, and a person by address."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from portal.accounts.models import User


class RowsWidget(forms.Widget):
    """A list of text boxes of one name; a row is added by a button, with or without JavaScript."""

    template_name = "django/forms/widgets/rows.html"
    use_fieldset = True

    def __init__(
        self, *, label: str, max_rows: int, row_length: int = 254, add_label: str = "Add a row"
    ) -> None:
        super().__init__()
        self.label, self.max_rows, self.row_length, self.add_label = label, max_rows, row_length, add_label
        self.extra_rows = 0
        self.htmx: dict[str, str] = {}

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        """All rows as typed; blank ones are left out."""
        values = data.getlist(name) if hasattr(data, "getlist") else data.get(name, [])
        return [value.strip() for value in values if value.strip()]

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        """A list without rows is an empty list, not a missing one."""
        return False

    def id_for_label(self, id_: str) -> str:
        """The first row's box."""
        return f"{id_}_0"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """One box for each value, one empty box, and those somebody asked for."""
        context = super().get_context(name, None, attrs)
        rows = list(value or [])
        empty = max(self.extra_rows, 0 if rows else 1)
        context["widget"] |= {
            "rows": [*rows, *[""] * empty][: max(self.max_rows, len(rows))],
            "label": self.label,
            "max_rows": self.max_rows,
            "row_length": self.row_length,
            "add_label": self.add_label,
            "htmx": self.htmx,
        }
        context["widget"]["attrs"]["aria_invalid"] = context["widget"]["attrs"].pop("aria-invalid", None)
        return context


class RowsField(forms.Field):
    """A list of values of one sort. `parse` turns one row into a value or raises ValueError with a sentence."""

    widget: RowsWidget

    def __init__(
        self,
        *,
        parse: Callable[[str], Any],
        row_label: str,
        max_rows: int,
        add_label: str = "Add a row",
        show: Callable[[Any], str] = str,
        **kwargs: Any,
    ) -> None:
        """`show` is the way back from a value to what stands in its row."""
        self.parse, self.max_rows, self.row_label, self.show = parse, max_rows, row_label, show
        super().__init__(widget=RowsWidget(label=row_label, max_rows=max_rows, add_label=add_label), **kwargs)

    def prepare_value(self, value: Any) -> list[str]:
        """The rows as text; what was typed stays as it is."""
        return [row if isinstance(row, str) else self.show(row) for row in value or ()]

    def in_lines(self, values: Sequence[Any]) -> str:
        """The values as people read them, a line each."""
        return "\n".join(self.prepare_value(values))

    def clean(self, value: Sequence[str] | None) -> list[Any]:
        """The parsed rows, each once, in the order typed. ValidationError names the row that is wrong."""
        rows = list(value or [])
        if self.required and not rows:
            raise ValidationError(f"{self.row_label}: enter at least one.")
        if len(rows) > self.max_rows:
            raise ValidationError(
                f"There are {len(rows)} rows; at most {self.max_rows} are possible. Remove some."
            )
        values, errors = [], []
        for number, row in enumerate(rows, start=1):
            try:
                values.append(self.parse(row))
            except ValueError as error:
                errors.append(ValidationError(f"Row {number}: {error}" if len(rows) > 1 else str(error)))
        if errors:
            raise ValidationError(errors)
        return list(dict.fromkeys(values))


class PersonField(forms.EmailField):
    """A person with an account, by email address; the value is the User, or None where it is left empty."""

    def prepare_value(self, value: Any) -> Any:
        """The person's address; what was typed stays as it is."""
        return value.email if isinstance(value, User) else value

    def clean(self, value: Any) -> Any:
        """The active person with this address. ValidationError where there is none."""
        email = super().clean(value)
        if not email:
            return None
        person = User.objects.filter(email=email.lower(), is_active=True).first()
        if person is None:
            raise ValidationError(
                f"Nobody with the address {email} has signed in here yet. Ask them to sign in once, or name "
                "somebody else."
            )
        return person
