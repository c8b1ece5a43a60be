"""What may be whitelisted: one exact address, or one exact domain. Everything else gets a sentence.

`parse_address` and `parse_domain_entry` take what a person typed; `refusal_of` judges a value that is already
exact, so that the check before a decision asks the same questions again over newer lists.
"""

import re
from dataclasses import dataclass

from portal.institution import institution
from portal.lib.addresses import MailboxRefused, parse_mailbox
from portal.lib.dns_names import is_within
from portal.mailauth.names import DomainRefused, parse_domain
from portal.mailauth.organizational import is_public_suffix
from whitelist import lists
from whitelist.lookalikes import (
    LONG_NAME,
    borrowed_names,
    has_mixed_scripts,
    imitated_brand,
    is_lookalike,
    is_typo_of,
    near_name,
    shown,
)
from whitelist.spellings import is_ip_spelling, plain

_LOCAL = re.compile(r"[a-z0-9_+=-]+(\.[a-z0-9_+=-]+)*")
"""Narrower than RFC 5322: # begins a comment, and * and ? are wildcards, in the maps that the entry goes to."""
_BARE_DOMAIN = re.compile(r"@?[^@\s]+\.[^@\s]+")


class EntryRefused(ValueError):
    """The text is nothing we whitelist; `str(error)` says why and what to do, with its clause."""


@dataclass(frozen=True)
class Refusal:
    """Why a value cannot be whitelisted: clause, a stable name of the rule, and the sentence."""

    clause: str
    rule: str
    sentence: str


def parse_address(text: str) -> str:
    """One exact address in lower case. Raises EntryRefused."""
    _refuse_everywhere(text)
    typed = text.strip()
    if _BARE_DOMAIN.fullmatch(typed) and not typed.strip("@").count("@"):
        raise EntryRefused(
            "WHT-4: this is a whole domain. Name the sender’s address, or use the question on domains "
            "below and say why."
        )
    try:
        mailbox = parse_mailbox(typed)
        # IDNA 2008, as mail uses it, and the form in which filters compare.
        domain = str(parse_domain(typed.rpartition("@")[2]))
    except (MailboxRefused, DomainRefused) as error:
        raise EntryRefused(str(error)) from None
    if not _LOCAL.fullmatch(mailbox.local):
        raise EntryRefused(
            "Before the @ only letters, digits and . _ - + = are possible here: other characters mean "
            "something else to a mail filter."
        )
    _refuse_domain(domain)
    return f"{mailbox.local}@{domain}"


def parse_domain_entry(text: str) -> str:
    """One exact domain in its ASCII form. Raises EntryRefused."""
    _refuse_everywhere(text)
    typed = text.strip()
    if "@" in typed.removeprefix("@"):
        raise EntryRefused("This is an address. Put it under the addresses; that is what we prefer.")
    try:
        domain = str(parse_domain(typed.removeprefix("@")))
    except DomainRefused as error:
        raise EntryRefused(str(error)) from None
    _refuse_domain(domain)
    return domain


def domain_of(value: str) -> str:
    """The domain of an entry."""
    return value.rpartition("@")[2]


def _refuse_everywhere(text: str) -> None:
    if not text.strip():
        raise EntryRefused("Enter the sender’s address, such as notices@vendor.example.")
    if is_ip_spelling(text):
        raise EntryRefused(
            "WHT-4: IP addresses are never whitelisted, in any spelling. Name the address that people see "
            "in From."
        )
    bare = plain(text)
    if "*" in bare or "?" in bare or bare.startswith((".", "@.", "%")) or bare.endswith("@"):
        raise EntryRefused("WHT-4: no wildcards. Name each address in full, one in each row.")


def _refuse_domain(domain: str) -> None:
    refusal = refusal_of(domain)
    if refusal is not None:
        raise EntryRefused(refusal.sentence)


def refusal_of(value: str) -> Refusal | None:
    """Why an exact address or domain may not be whitelisted; None where nothing speaks against it."""
    domain = domain_of(value)
    if is_ip_spelling(value):
        return Refusal("WHT-4", "ip-address", "WHT-4: IP addresses are never whitelisted, in any spelling.")
    return _our_own(domain) or _nobodys_own(domain)


def _our_own(domain: str) -> Refusal | None:
    place = institution()
    for own in dict.fromkeys((place.mail_domain, *place.host_zones)):
        if is_within(domain, own):
            return Refusal(
                "WHT-5",
                "own-domain",
                f"WHT-5: {domain} is our own. Mail that truly comes from us is not filtered; a vendor that sends "
                f"as {own} asks for an authorization instead.",
            )
        if is_lookalike(domain, own) or is_typo_of(domain, own) or len(_our_names_in(domain)) > 1:
            return Refusal(
                "WHT-5",
                "look-alike",
                f"WHT-5: {_as_shown(domain)} looks like {own} and is not. Whoever sent you "
                f"there may be deceiving you: tell {place.contact_email}.",
            )
    if has_mixed_scripts(domain):
        return Refusal(
            "WHT-5",
            "mixed-scripts",
            f"WHT-5: {domain} shows as “{shown(domain)}” and mixes letters of several alphabets, as names made to "
            "deceive do. Ask the vendor for its real domain.",
        )
    return None


def _our_names() -> tuple[str, ...]:
    """What people know us by, as it would stand in a domain name: ttu, techmail, texastech, texastechuniversity."""
    place = institution()
    spoken = (place.mail_service, place.short_name, place.name)
    return (
        place.mail_domain.partition(".")[0],
        *dict.fromkeys(re.sub(r"[^a-z0-9]", "", name.lower()) for name in spoken),
    )


def _our_names_in(domain: str) -> list[str]:
    found = borrowed_names(domain, _our_names())
    # "texastechuniversity" carries "texastech" as well: that is one name, not two.
    return [name for name in found if not any(name != other and name in other for other in found)]


def doubt_of(value: str) -> Refusal | None:
    """Why a person should look twice at an exact address or domain that nothing refuses; None where nothing is odd.

    Many honest names come near ours (tcu.edu, ttu-press.com), so these are judged by a reviewer (WHT-5).
    """
    domain, place = domain_of(value), institution()
    if names := _our_names_in(domain):
        return Refusal(
            "WHT-5",
            "our-name",
            f"{_as_shown(domain)} carries our name ({names[0]}) and is not ours. Make sure that the vendor may use it.",
        )
    near = near_name(domain, place.mail_domain, _our_names()) or next(
        (brand for brand in sorted(lists.brands()) if _is_near_brand(domain, brand)), ""
    )
    if near:
        return Refusal(
            "WHT-5",
            "near-name",
            f"{_as_shown(domain)} is one letter away from {near}. Compare it with the vendor’s own letterhead or site.",
        )
    return None


def _is_near_brand(domain: str, brand: str) -> bool:
    return len(brand.partition(".")[0]) >= LONG_NAME and bool(near_name(domain, brand, ()))


def _as_shown(domain: str) -> str:
    visible = shown(domain)
    return domain if visible == domain else f"{domain} shows as “{visible}”, which"


def _nobodys_own(domain: str) -> Refusal | None:
    brand = imitated_brand(domain, lists.brands())
    if brand:
        return Refusal(
            "WHT-5",
            "brand-look-alike",
            f"WHT-5: {_as_shown(domain)} looks like {brand} and is not. Whoever sent you there may be deceiving you: "
            f"tell {institution().contact_email}.",
        )
    shared = lists.shared_platform_of(domain)
    if shared is not None:
        name, platform = shared
        return Refusal(
            "WHT-5",
            "shared-sending",
            f"WHT-5: all customers of {platform} send from {name}, so an entry would let in every one of them. Ask "
            "the vendor to send from its own domain; the platforms call that domain authentication.",
        )
    free = lists.free_mail_domain_of(domain)
    if free is not None:
        return Refusal(
            "WHT-5",
            "free-mail",
            f"WHT-5: anybody can have an address at {free}, so it is not the vendor’s own. Ask the vendor to send "
            "from its own domain.",
        )
    if is_public_suffix(domain):
        return Refusal(
            "WHT-4",
            "public-suffix",
            f"WHT-4: {domain} is a public suffix: names below it belong to many owners. Name the vendor’s own domain.",
        )
    return None
