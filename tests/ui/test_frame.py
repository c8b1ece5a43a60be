"""The frame: who sees which links, the color scheme, the institution's color, the error pages."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as live_settings
from django.template.loader import get_template
from django.test import Client, RequestFactory

from portal.accounts.models import Theme, User
from portal.ui.navigation import navigation
from tests.cast import Cast, client_of

EVERYBODY = ["New request", "My requests", "My permissions"]


def labels(user: User, path: str = "/") -> list[str]:
    request = RequestFactory().get(path)
    request.user = user
    return [item.label for item in navigation(request)]


@pytest.mark.parametrize(
    ("who", "links"),
    [
        ("requester", [*EVERYBODY, "Calendar", "Standards"]),
        ("reviewer", [*EVERYBODY, "Queue", "Enforcement", "Renewals", "Calendar", "Standards"]),
        ("cio", [*EVERYBODY, "Queue", "Enforcement", "Calendar", "Campaigns", "Standards"]),
        ("auditor", [*EVERYBODY, "Queue", "Enforcement", "Calendar", "Standards"]),
        ("admin", [*EVERYBODY, "Queue", "Enforcement", "Calendar", "Standards", "Outbound email"]),
    ],
)
def test_links_by_role(cast: Cast, who: str, links: list[str]) -> None:
    assert labels(getattr(cast, who)) == links


def test_the_current_page_is_marked_once(cast: Cast) -> None:
    request = RequestFactory().get("/requests/TM-R-1001/")
    request.user = cast.requester
    assert [item.label for item in navigation(request) if item.is_current] == ["My requests"]
    request.user = cast.reviewer
    assert not [item for item in navigation(request) if item.is_current]


def test_nobody_signed_in_sees_no_links(client: Client, db: None) -> None:
    html = client.get("/accounts/login/").content.decode()
    assert "My requests" not in html
    assert "Sign out" not in html


@pytest.mark.parametrize(
    ("theme", "attribute"),
    [("system", None), ("light", 'data-bs-theme="light"'), ("dark", 'data-bs-theme="dark"')],
)
def test_the_scheme_a_person_chose(cast: Cast, theme: str, attribute: str | None) -> None:
    client = client_of(cast.requester)
    assert client.post("/settings/", {"theme": theme, "wants_progress_notices": "on"}).status_code == 302
    cast.requester.refresh_from_db()
    assert cast.requester.theme == theme
    tag = re.search(r"<html[^>]*>", client.get("/settings/").content.decode())
    assert tag is not None
    assert (attribute in tag[0]) if attribute else ("data-bs-theme" not in tag[0])


def test_settings_change_nothing_else(cast: Cast) -> None:
    fields = {"theme": "dark", "name": "Somebody Else", "email": "x@ttu.edu", "is_superuser": "on"}
    client_of(cast.requester).post("/settings/", fields)
    cast.requester.refresh_from_db()
    assert (cast.requester.name, cast.requester.email) == ("Requester", "requester@ttu.edu")
    assert not cast.requester.is_superuser
    assert cast.requester.wants_progress_notices is False


def test_a_theme_there_is_not_is_refused_beside_the_field(cast: Cast) -> None:
    response = client_of(cast.requester).post("/settings/", {"theme": "pink"})
    assert response.status_code == 422
    assert "There is a problem" in response.content.decode()
    cast.requester.refresh_from_db()
    assert cast.requester.theme == Theme.SYSTEM


def test_settings_ask_for_sign_in(client: Client, db: None) -> None:
    assert client.get("/settings/")["Location"] == "/accounts/login/?next=/settings/"


def test_the_institutions_color_is_a_style_sheet(client: Client) -> None:
    response = client.get("/brand.css")
    assert response["Content-Type"] == "text/css"
    assert response.content.decode() == ":root { --brand: #cc0000; }\n"
    assert "max-age=86400" in response["Cache-Control"]
    assert 'fill="#cc0000"' in client.get("/favicon.svg").content.decode()


@pytest.mark.parametrize("color", ["red;} body{display:none", "#12345", "", "#cc0000\n"])
def test_a_color_that_is_none_never_reaches_a_style_sheet(settings: Any, color: str) -> None:
    with pytest.raises(ValueError, match="must be a color"):
        dataclasses.replace(settings.INSTITUTION, brand_color=color)


@pytest.mark.parametrize("name", ["400", "500"])
def test_error_pages_that_are_rendered_without_a_request(name: str) -> None:
    html = get_template(f"{name}.html").render()
    assert "TechMail Portal" in html
    assert "Go to the start page" in html
    assert "Sign in" not in html


@pytest.mark.parametrize("name", ["403", "403_csrf", "404", "409", "413", "429"])
def test_error_pages_say_what_to_do_next(name: str, db: None) -> None:
    request = RequestFactory().get("/nowhere/")
    html = get_template(f"{name}.html").render({"reason": "<script>Sam decided first."}, request)
    assert html.count("<h1>") == 1
    assert "Go to the start page" in html
    assert "<script>Sam" not in html
    if name in {"403", "409", "413"}:
        assert "Sam decided first." in html


TAGS = re.compile(r"{%.*?%}|{{.*?}}|{#.*?#}", re.DOTALL)
FORBIDDEN = {
    "inline style": re.compile(r"<[^>]*\sstyle\s*=", re.IGNORECASE),
    "handler attribute": re.compile(r"<[^>]*\son[a-z]+\s*=", re.IGNORECASE),
    "hx-on": re.compile(r"\shx-on", re.IGNORECASE),
    "inline script": re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", re.IGNORECASE),
}


def pages() -> list[Path]:
    folder = live_settings.BASE_DIR / "templates"
    return [path for path in sorted(folder.rglob("*.html")) if "mail" not in path.relative_to(folder).parts]


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_no_template_breaks_the_content_policy(path: Path) -> None:
    text = TAGS.sub("", path.read_text(encoding="utf-8"))
    assert not [what for what, pattern in FORBIDDEN.items() if pattern.search(text)]
