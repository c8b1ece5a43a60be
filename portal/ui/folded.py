"""The markup of forms that nobody has filled in yet, rendered once for all pages that show the same one.

The page of a request carries its actions' forms folded: a dozen fields that are the same on every request of a
kind, and half of the page's cost. A form with answers or errors is always rendered afresh.
"""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock

from django import forms
from django.utils.safestring import SafeString

KEPT = 512
_kept: OrderedDict[Hashable, SafeString] = OrderedDict()
_lock = Lock()


def markup(form: forms.Form) -> SafeString:
    """The form as markup; an unbound one comes from memory where the very same was rendered before."""
    if form.is_bound:
        return form.render()
    key = fingerprint(form)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    rendered = form.render()
    with _lock:
        _kept[key] = rendered
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return rendered


def fingerprint(form: forms.Form) -> Hashable:
    """Everything that an unbound form's markup depends on: its class, prefix, initial values, and each field's
    texts.
    """
    return (
        type(form),
        form.prefix,
        repr(sorted(form.initial.items())),
        tuple((name, *_of_field(field)) for name, field in form.fields.items()),
    )


def _of_field(field: forms.Field) -> tuple[str, ...]:
    choices = list(getattr(field, "choices", ()))
    shown = (field.label, field.help_text, field.initial, field.required, field.disabled, choices)
    return (repr(shown), repr(sorted(field.widget.attrs.items())))
