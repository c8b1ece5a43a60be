"""The one field template: what every widget says to eye and ear."""

import copy
from typing import Any

import html5lib
import pytest
from django import forms
from django.template import Context, Template

from portal.ui.fields import problems_of
from portal.ui.parts import Hinted
from portal.ui.samples import SampleForm, SampleRow, bound_form
from tests.support.pages import flat


def tree(html: str) -> Any:
    return html5lib.parseFragment(html, namespaceHTMLElements=False)


def by_id(html: str, key: str) -> Any:
    found = [element for element in tree(html).iter() if element.get("id") == key]
    assert len(found) == 1, f"{len(found)} elements have the id {key!r}"
    return found[0]


@pytest.mark.parametrize("name", ["host", "system", "clauses", "reach", "volume", "purpose", "file", "agree"])
def test_every_reference_of_a_field_is_there(name: str) -> None:
    for form in (SampleForm(prefix="a"), bound_form()):
        html = form[name].as_field_group()
        ids = [element.get("id") for element in tree(html).iter() if element.get("id")]
        assert len(ids) == len(set(ids))
        for element in tree(html).iter():
            for attribute in ("aria-describedby", "for"):
                assert set((element.get(attribute) or "").split()) <= set(ids)


def test_help_example_error_and_live_check_describe_the_box() -> None:
    html = bound_form()["host"].as_field_group()
    box = by_id(html, "id_wrong-host")
    assert box.get("aria-describedby").split() == [
        "id_wrong-host_helptext",
        "id_wrong-host_error",
        "id_wrong-host_example",
        "id_wrong-host_live",
    ]
    assert box.get("aria-invalid") == "true"
    assert "code" in box.get("class").split()
    assert by_id(html, "id_wrong-host_live").get("aria-live") == "polite"


def test_a_live_check_says_where_and_how_its_answer_goes() -> None:
    box = by_id(SampleForm()["host"].as_field_group(), "id_host")
    assert box.get("hx-target") == "#id_host_live"
    assert box.get("hx-swap") == "innerHTML"
    assert "delay" in box.get("hx-trigger")


def test_choices_are_a_group_with_a_legend_and_hints() -> None:
    html = SampleForm()["system"].as_field_group()
    assert "<fieldset" in html
    assert "<legend" in html
    assert by_id(html, "id_system_0").get("aria-describedby") == "id_system_0_hint"
    assert "scans to mail" in "".join(by_id(html, "id_system_0_hint").itertext())


def test_radio_buttons_never_carry_aria_invalid() -> None:
    form = SampleForm({})
    assert "aria-invalid" not in form["system"].as_field_group()
    assert "field-invalid" in form["system"].as_field_group()


def test_a_hint_survives_the_copy_that_every_form_makes() -> None:
    assert copy.deepcopy(Hinted("Printer", "Also copiers")).hint == "Also copiers"


def test_only_optional_fields_say_so() -> None:
    assert "optional" in SampleForm()["purpose"].as_field_group()
    assert "optional" not in SampleForm()["host"].as_field_group()
    assert "optional" not in SampleForm()["locked"].as_field_group()


def test_placeholders_are_left_out() -> None:
    class Shy(forms.Form):
        name = forms.CharField(widget=forms.TextInput(attrs={"placeholder": "Your name"}))

    assert "placeholder" not in Shy()["name"].as_field_group()


def test_what_was_typed_and_what_was_wrong_is_escaped() -> None:
    form = SampleForm({"host": '"><script>alert(1)</script>'})
    form.add_error("host", "<img src=x>")
    html = form["host"].as_field_group()
    assert "<script>" not in html
    assert "<img" not in html


def test_the_summary_links_each_problem_to_its_box() -> None:
    form = bound_form()
    html = Template("{% error_summary form %}{{ form }}").render(Context({"form": form}))
    assert "There is a problem" in html
    targets = [key for key, _ in problems_of([form]) if key]
    assert targets
    for target in targets:
        by_id(html, target)


def test_a_missing_answer_is_named_in_the_summary() -> None:
    problems = dict(problems_of([SampleForm({})]))
    assert problems["id_host"] == "“Host name” needs an answer."
    assert problems["id_system_0"] == "“What kind of system is it?” needs an answer."


def test_the_summary_reads_formsets_and_says_nothing_for_good_forms() -> None:
    rows = forms.formset_factory(SampleRow, extra=0, min_num=1, validate_min=True)
    wrong = rows({"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "0", "form-0-address": "300.1.1.1"})
    assert [key for key, _ in problems_of([wrong]) if key] == ["id_form-0-address"]
    assert Template("{% error_summary form %}").render(Context({"form": SampleForm()})).strip() == ""


def test_rows_keep_their_management_form_and_template() -> None:
    rows = forms.formset_factory(SampleRow, extra=1, max_num=3, can_delete=True)(prefix="addresses")
    html = flat(
        Template('{% include "components/formset.html" with formset=rows %}').render(Context({"rows": rows}))
    )
    assert 'name="addresses-TOTAL_FORMS"' in html
    assert 'name="addresses-__prefix__-address"' in html
    assert 'name="row_add" value="addresses"' in html
    assert 'name="row_remove" value="addresses-0"' in html
