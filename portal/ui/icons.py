"""One outline set of icons, from the heroicons package, rendered once per name and size."""

from functools import lru_cache

from django.utils.safestring import SafeString, mark_safe
from heroicons.templatetags.heroicons import heroicon_outline


@lru_cache(maxsize=512)
def icon(name: str, size: int = 20, css: str = "") -> SafeString:
    """The outline icon `name` as inline SVG of `size` px, hidden from assistive technology.

    An icon never stands alone: the word is beside it. Raises `heroicons.IconDoesNotExist` for a name that
    the set does not have.
    """
    attributes: dict[str, object] = {
        "class": f"icon {css}".strip(),
        "aria_hidden": "true",
        "focusable": "false",
        "stroke_width": "1.75" if size < 20 else "1.6",
    }
    # The markup is the package's own and the attributes are ours; nothing here comes from a person.
    markup = "".join(line.strip() for line in heroicon_outline(name, size=size, **attributes).splitlines())
    return mark_safe(markup)  # noqa: S308 - heroicons escapes what it is given
