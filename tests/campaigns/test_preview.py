"""The preview: nothing leaves its frames, whatever the message holds; and it shows what is there."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser

from campaigns import services
from portal.message_checks.composing import compose_message
from portal.message_checks.parsing import parse_message
from portal.message_checks.preview import sanitized_html
from portal.workflow import registry
from portal.workflow.models import ServiceRequest
from portal.workflow.services import requesting
from tests.cast import Cast, client_of
from tests.message_checks.hostile import HOSTILE
from tests.support.browser import assert_accessible, sign_in

SENDER = "Events <events@ttu.edu>"


def with_message(cast: Cast, html: str, text: str = "The same as text.") -> ServiceRequest:
    """A draft of a campaign with this message."""
    draft = requesting.create_draft(kind=registry.get("campaign"), requester=cast.requester)
    raw = compose_message("Spring concerts", html, text, SENDER)
    services.add_message(service_request=draft, added_by=cast.requester, raw=raw, file_name="a.eml")
    return draft


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, list[str]]]:
    """A web server that notes who comes."""
    visits: list[str] = []

    class Noting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            visits.append(self.path)
            self.send_response(204)
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - the library's name

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Noting)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", visits
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_left_names_no_other_place(name: str) -> None:
    html = HOSTILE[name].format(e="http://elsewhere.example")
    left = sanitized_html(parse_message(compose_message("x", html, "", SENDER)))
    # What was text stays text; no attribute, and so no load and no handler, names a place.
    assert '="http' not in left
    assert "url(" not in left
    assert "<script" not in left
    assert " on" not in left.replace(" one", "")


@pytest.mark.django_db(transaction=True)
def test_no_request_leaves_the_page(
    cast: Cast, live_server: Any, browser: Browser, elsewhere: tuple[str, list[str]]
) -> None:
    address, visits = elsewhere
    page = sign_in(browser, live_server.url, cast.requester)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for name, html in HOSTILE.items():
        draft = with_message(cast, f"<h1>{name}</h1>" + html.format(e=address))
        page.goto(f"/campaigns/{draft.reference}/preview/")
        for frame in page.frames[1:]:
            frame.wait_for_load_state()
        page.goto(f"/campaigns/{draft.reference}/preview/frame/")
        page.wait_for_timeout(50)
    assert visits == []
    # The other side of the proof: this server does see what an open page loads.
    with page.context.new_page() as open_page:
        open_page.set_content(f"<img src='{address}/control.png' alt='x'>")
        open_page.wait_for_timeout(500)
    assert visits == ["/control.png"]
    assert [url for url in asked if not url.startswith((live_server.url, "about:", "data:"))] == []


@pytest.mark.django_db(transaction=True)
def test_the_preview_is_readable_and_accessible(cast: Cast, live_server: Any, browser: Browser) -> None:
    html = (
        '<h1 style="color:#c00">Spring concerts</h1><p>Six evenings. <a href="https://bit.ly/3x">Tickets</a> and '
        '<a href="https://www.ttu.edu/music">the programme</a>.</p><img src="https://www.ttu.edu/b.png" alt="A cello">'
        '<p style="display:none">Hidden words</p>'
    )
    draft = with_message(cast, html)
    page = sign_in(browser, live_server.url, cast.requester)
    page.goto(f"/campaigns/{draft.reference}/preview/")
    assert "Hides its destination" in page.inner_text("main")
    assert "Hidden words" in page.inner_text("main")
    assert "A cello" in page.inner_text("main")
    assert page.frames[1].inner_text("h1") == "Spring concerts"
    assert_accessible(page, "campaign-preview")


@pytest.mark.django_db
def test_the_frame_has_a_policy_of_its_own_and_strangers_see_nothing(cast: Cast) -> None:
    draft = with_message(cast, "<p>Words</p>")
    path = f"/campaigns/{draft.reference}/preview/frame/"
    answer = client_of(cast.requester).get(path)
    policy = answer["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert client_of(cast.outsider).get(path).status_code == 404
    assert client_of(cast.outsider).get(path.removesuffix("frame/")).status_code == 404
    assert Client().get(path).status_code == 302
    page = client_of(cast.requester).get(path.removesuffix("frame/"))
    assert "frame-src 'self'" in page["Content-Security-Policy"]
