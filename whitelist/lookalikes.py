"""Names that only look like our own: other scripts, accents, digits for letters (UTS 39 section 4).

A skeleton is what is left when every character is replaced by the plain letter it looks like. The letters
come from the Unicode confusables, through the package confusable-homoglyphs; a second step is taken through
them because Unicode maps a Cyrillic te to a small capital T, and only that to a plain t.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache

import idna
from confusable_homoglyphs import categories, confusables
from rapidfuzz.distance import OSA

from portal.mailauth.organizational import by_public_suffix

_SEQUENCES = (("rn", "m"), ("vv", "w"), ("0", "o"), ("1", "l"))
"""What ASCII alone can do (UTS 39 confusables.txt: rn, vv, 0, 1)."""
_TOGETHER = (
    frozenset({"LATIN", "HAN", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "HAN", "BOPOMOFO"}),
    frozenset({"LATIN", "HAN", "HANGUL"}),
)
"""Scripts that are written together (UTS 39 section 5.2, highly restrictive)."""


def shown(domain: str) -> str:
    """The name as mail programs show it: punycode labels decoded where they can be."""
    return ".".join(_decoded(label) for label in domain.split("."))


def _decoded(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return idna.ulabel(label)
    except (idna.IDNAError, UnicodeError):
        return label


def skeleton(name: str) -> str:
    """The name with every character replaced by the plain letter it looks like."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    kept = (char for char in decomposed if not unicodedata.combining(char))
    text = "".join(_plain_letter(char) for char in kept)
    for sequence, letter in _SEQUENCES:
        text = text.replace(sequence, letter)
    return text


@cache
def _plain_letter(char: str) -> str:
    if char.isascii():
        return char
    near = _looks_like(char)
    further = [other for each in near for other in _looks_like(each)]
    for other in (*near, *further):
        folded = unicodedata.normalize("NFKD", other).casefold()
        if len(folded) == 1 and folded.isascii() and folded.isalnum():
            return folded
    # Small capitals and their like say in their Unicode name which letter they are.
    for other in (char, *near):
        letter = unicodedata.name(other, "").rpartition(" ")[2]
        if "LATIN" in unicodedata.name(other, "") and len(letter) == 1:
            return letter.lower()
    return char


def _looks_like(text: str) -> list[str]:
    found = confusables.confusables_data.get(text) or []
    # Right-to-left letters carry direction marks in the data.
    return [plain for entry in found if len(plain := entry["c"].strip("\u200e\u200f")) == 1]


def has_mixed_scripts(domain: str) -> bool:
    """Whether one label mixes scripts that nobody writes together, such as Latin and Cyrillic."""
    return any(_is_mixed(label) for label in shown(domain).split("."))


def _is_mixed(label: str) -> bool:
    scripts = {categories.alias(char) for char in label} - {"COMMON", "INHERITED"}
    return len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER)


def is_lookalike(domain: str, own: str) -> bool:
    """Whether `domain` (ASCII form) is not `own` or below it, but shows a name that looks as if it were.

    The whole name is compared; each label against the labels of `own` written together (ttu-edu.com,
    login-ttu-edu.com, ttuedu.com); and against the first label of `own` where it is written in another script: a
    Greek upsilon in `ttυ-mail.example` has no other purpose.
    """
    visible = shown(domain)
    bones, wanted = skeleton(visible), skeleton(own)
    if bones == wanted or bones.endswith(f".{wanted}") or bones.startswith(f"{wanted}."):
        return True
    if any(_has_together(skeleton(label), wanted) for label in visible.split(".")):
        return True
    first = wanted.partition(".")[0]
    return any(not label.isascii() and first in skeleton(label).split("-") for label in visible.split("."))


def _has_together(label: str, wanted: str) -> bool:
    hyphened = wanted.replace(".", "-")
    return label == wanted.replace(".", "") or f"-{hyphened}-" in f"-{label}-"


# ---------------------------------------------------------------- near misses: typing errors and borrowed names
LONG_NAME = 6
"""From so many letters on, a name is told from others by more than one letter, so one edit is no accident."""


def is_typo_of(domain: str, own: str) -> bool:
    """Whether the registrable name of `domain` is the one of `own` with letters doubled: tttu.edu, ttuu.com."""
    label, wanted = _second_level(domain), _second_level(own)
    return label != wanted and len(label) > len(wanted) and _has_more_of_each(label, wanted)


def _has_more_of_each(label: str, wanted: str) -> bool:
    # The same letters in the same order, none of them fewer times in a row.
    runs, others = _runs(label), _runs(wanted)
    return [char for char, _ in runs] == [char for char, _ in others] and all(
        count >= other for (_, count), (_, other) in zip(runs, others, strict=True)
    )


def _runs(text: str) -> list[tuple[str, int]]:
    return [(found[0][0], len(found[0])) for found in re.finditer(r"(.)\1*", text)]


def imitated_brand(domain: str, brands: Iterable[str]) -> str:
    """The brand's domain that `domain` is not, and shows as once look-alike characters are replaced; else ""."""
    label, suffix = _split(domain)
    bones = skeleton(label)
    for brand in brands:
        own_label, own_suffix = _split(brand)
        if label != own_label and suffix == own_suffix and bones == skeleton(own_label):
            return brand
    return ""


def borrowed_names(domain: str, names: Iterable[str]) -> list[str]:
    """Those of `names` (plain letters, no spaces) that the registrable name of `domain` is made of or carries.

    A short name counts as a part between hyphens, a long one anywhere: ttu-press.com, texastechalumni.org.
    """
    label = skeleton(_second_level(domain))
    parts, joined = label.split("-"), label.replace("-", "")
    return [
        name
        for name in dict.fromkeys(names)
        if (bones := skeleton(name)) in parts or (len(bones) >= LONG_NAME and bones in joined)
    ]


def near_name(domain: str, own: str, names: Iterable[str]) -> str:
    """What `domain` comes within one edit of (a letter more, fewer, other or swapped): `own`, or a long name; else ""."""
    label, suffix = _split(domain)
    own_label, own_suffix = _split(own)
    if suffix == own_suffix and OSA.distance(label, own_label) == 1:
        return own
    return next(
        (
            name
            for name in names
            if len(name) >= LONG_NAME and OSA.distance(label.replace("-", ""), name, score_cutoff=1) == 1
        ),
        "",
    )


def _second_level(domain: str) -> str:
    return _split(domain)[0]


def _split(domain: str) -> tuple[str, str]:
    """The registrable label of an ASCII domain as it shows, and the public suffix behind it."""
    label, _, suffix = by_public_suffix(domain).partition(".")
    return _decoded(label), suffix
