"""The two pages: open to everybody, every entry at its anchor, every link of ours leads to one."""

import re

import html5lib
import pytest
from django.test import Client
from django.utils.text import slugify

from portal.standards.clauses import clauses, sections
from portal.standards.glossary import GLOSSARY
from portal.workflow.templatetags.portal_words import clause_link, term

pytestmark = pytest.mark.django_db
WORDS = (
    "DKIM",
    "DMARC",
    "Hosted service",
    "Impersonation",
    "Phishing",
    "SPF",
    "Spoofing",
    "Third-party service",
    "UCE/UBE",
    "Relay",
    "Grant",
    "Lapse",
    "Selector",
    "Alignment",
    "Envelope sender",
    "Reverse DNS",
)


def page(path: str) -> str:
    response = Client().get(path)
    assert response.status_code == 200
    return response.content.decode()


def ids_of(html: str) -> list[str]:
    tree = html5lib.parse(html, namespaceHTMLElements=False)
    return [element.attrib["id"] for element in tree.iter() if "id" in element.attrib]


def test_the_standards_are_open_to_everybody_with_an_anchor_for_each_clause() -> None:
    html = page("/standards/")
    ids = ids_of(html)
    assert len(ids) == len(set(ids))
    assert {entry.id for entry in clauses()} <= set(ids)
    assert {section.key for section in sections()} <= set(ids)
    assert html.count("Bars an approval") == sum(entry.must for entry in clauses())


def test_links_inside_the_page_lead_somewhere() -> None:
    for path in ("/standards/", "/glossary/"):
        html = page(path)
        assert set(re.findall(r'href="#([^"]+)"', html)) <= set(ids_of(html))


def test_the_page_of_standards_offers_the_way_to_ask() -> None:
    assert 'href="/new/"' in page("/standards/")


@pytest.mark.parametrize("word", WORDS)
def test_a_term_of_the_product_is_explained_where_its_link_leads(word: str) -> None:
    assert word in [entry.word for entry in GLOSSARY]
    anchor = re.search(r'href="/glossary/#([^"]+)"', term(word))
    assert anchor
    assert anchor[1] in ids_of(page("/glossary/"))


def test_the_glossary_is_in_alphabetical_order_and_its_anchors_are_the_words() -> None:
    words = [entry.word for entry in GLOSSARY]
    assert words == sorted(words, key=str.casefold)
    assert [entry.key for entry in GLOSSARY] == [slugify(word) for word in words]


def test_the_link_of_a_clause_leads_to_its_anchor() -> None:
    assert 'href="/standards/#REL-2"' in clause_link("REL-2")


@pytest.mark.parametrize("path", ["/standards/", "/glossary/"])
def test_the_pages_take_no_other_method(path: str) -> None:
    assert Client().post(path).status_code == 405
