"""How form fields become markup: classes and ARIA for every widget, in one place.

A form configures a field through optional attributes on the field:

    example     text after "For example,", under the help
    width       "short", "medium", "long" or "full" (the default fits the widget)
    is_code     True shows what is typed in monospace (addresses, host names)
    shown_when  ("other_field", ("value", ...)): with JavaScript, shown only while the other has one of them
    note        text on the right of the label instead of "optional"

and live checks by `hx-get` or `hx-post` among the widget's attributes; the answer goes under the field.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from django import forms
from django.forms import BoundField

_CHOICES: Final = (forms.RadioSelect, forms.CheckboxSelectMultiple)
_SHORT: Final = (forms.NumberInput, forms.DateInput, forms.TimeInput)
LIVE: Final = {
    "hx-trigger": "change, keyup changed delay:600ms",
    "hx-sync": "this:replace",
    # Said here, since a form that saves itself may swap in another way, and htmx inherits.
    "hx-swap": "innerHTML",
}


def field_id(field: BoundField) -> str:
    """The id that a link to the field leads to: its input, or the first of its choices."""
    return field.id_for_label or (f"{field.auto_id}_0" if field.auto_id else "")


def is_single_checkbox(field: BoundField) -> bool:
    """Whether the field is one checkbox with its label beside it."""
    widget = field.field.widget
    return isinstance(widget, forms.CheckboxInput) and not isinstance(widget, _CHOICES)


def live_id(field: BoundField) -> str:
    """The id of the place under the field where its live check answers; "" for a field without one."""
    widget = field.field.widget
    asks: dict[str, Any] = {**widget.attrs, **getattr(widget, "htmx", {})}
    if not asks.keys() & {"hx-get", "hx-post"}:
        return ""
    target = str(asks.get("hx-target", ""))
    return target.removeprefix("#") if target.startswith("#") else f"{field.auto_id}_live"


def shown_when(field: BoundField) -> str:
    """The field's `shown_when` as portal.js reads it, "name=value|value", or ""."""
    condition = getattr(field.field, "shown_when", None)
    if not condition:
        return ""
    name, values = condition
    return f"{field.form.add_prefix(name)}={'|'.join(str(value) for value in values)}"


def widget_attrs(field: BoundField) -> dict[str, Any]:
    """The attributes to render the field's widget with: class, described-by, and the live check's defaults."""
    widget = field.field.widget
    attrs: dict[str, Any] = {"class": " ".join(filter(None, (widget.attrs.get("class"), _css(field))))}
    if "placeholder" in widget.attrs:
        attrs["placeholder"] = False  # Examples stand in the help: a placeholder is gone when it is needed.
    if not field.use_fieldset and (described := described_by(field)):
        attrs["aria-describedby"] = described
    if widget.attrs.keys() & {"hx-get", "hx-post"}:
        defaults = LIVE | {"hx-target": f"#{live_id(field)}"}
        attrs |= {name: value for name, value in defaults.items() if name not in widget.attrs}
    return attrs


def described_by(field: BoundField) -> str:
    """The ids of all that explains the field: what Django names (help, errors), the example, the live check."""
    parts = [field.aria_describedby or ""]
    if getattr(field.field, "example", ""):
        parts.append(f"{field.auto_id}_example")
    if live := live_id(field):
        parts.append(live)
    return " ".join(filter(None, parts))


def _css(field: BoundField) -> str:
    widget = field.field.widget
    if isinstance(widget, (*_CHOICES, forms.CheckboxInput)):
        return "form-check-input"
    kind = "form-select" if isinstance(widget, forms.Select) else "form-control"
    width = getattr(field.field, "width", "short" if isinstance(widget, _SHORT) else "full")
    invalid = "is-invalid" if field.errors else ""
    code = "code" if getattr(field.field, "is_code", False) else ""
    return " ".join(filter(None, (kind, f"width-{width}", code, invalid)))


def problems_of(parts: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """(id, sentence) of every error in forms and formsets, in the order of the page; id is "" for no field."""
    for part in parts:
        if isinstance(part, forms.BaseFormSet):
            yield from (("", str(error)) for error in part.non_form_errors())
            yield from problems_of(part.forms)
        elif isinstance(part, forms.BaseForm) and part.is_bound:
            yield from (("", str(error)) for error in part.non_field_errors())
            for field in part:
                yield from (
                    (field_id(field), in_plain_words(error, str(field.label))) for error in field.errors
                )


def in_plain_words(error: object, label: str = "") -> str:
    """An error as a sentence: Django's own "required", which names no field, says what is missing."""
    sentence = str(error)
    if sentence != str(forms.Field.default_error_messages["required"]):
        return sentence
    return f"“{label}” needs an answer." if label else "This needs an answer."
