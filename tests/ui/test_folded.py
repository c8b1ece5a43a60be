"""Markup kept for unbound forms: the same as a fresh rendering, and never another form's."""

from collections.abc import Iterator

import pytest
from django import forms

from portal.ui import folded


class Colors(forms.Form):
    """A form with an initial value and choices of its own."""

    color = forms.ChoiceField(choices=[("r", "Red")])
    why = forms.CharField(required=False, label="Why?")


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    folded._kept.clear()
    yield
    folded._kept.clear()


def test_what_is_kept_is_what_a_fresh_form_renders() -> None:
    assert folded.markup(Colors(prefix="a")) == Colors(prefix="a").render()
    assert folded.markup(Colors(prefix="a")) == Colors(prefix="a").render()
    assert len(folded._kept) == 1


def test_every_difference_that_shows_makes_another_entry() -> None:
    other_choices, other_label, other_initial = Colors(), Colors(), Colors(initial={"why": "<b>"})
    other_choices.fields["color"].choices = [("g", "Green")]  # type: ignore[attr-defined]
    other_label.fields["why"].label = "Because?"
    for form in (Colors(), Colors(prefix="b"), other_choices, other_label, other_initial):
        assert folded.markup(form) == form.render()
    assert len(folded._kept) == 5
    assert "<b>" not in folded.markup(other_initial)


def test_a_form_with_answers_is_never_kept() -> None:
    form = Colors({"color": "no such", "why": "secret words"})
    assert "secret words" in folded.markup(form)
    assert not folded._kept


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folded, "KEPT", 3)
    for number in range(9):
        folded.markup(Colors(prefix=f"p{number}"))
    assert len(folded._kept) == 3
