"""Links as people type them where they talk, to add the page to the team's documents."""

import time
from urllib.parse import urlsplit

from bots.kb_files import is_page
from core.errors import UserError
from core.types import Addition

ADDRESS_IS_SHOWN = "Leave the name and the password out of the address: it is shown to people."
_LONGEST = 2000
"""Characters of an address, as browsers take them."""
_NO_PAGE = "This is no address of a page on the web. Write one as in https://wiki.example.com/onboarding."
_TOO_LONG = f"This address is longer than {_LONGEST:,} characters. Add a page with a shorter one."


def added(typed: str) -> Addition:
    """The page that somebody names, for whoever its desk decides. Raises UserError.

    What an address names inside its page is left out, so that one page is one document.
    """
    address = _address(typed)
    return Addition(address, address, address, time.time(), is_link=True)


def _address(typed: str) -> str:
    scheme, separator, rest = typed.strip().removeprefix("<").removesuffix(">").partition("://")
    address = f"{scheme.lower()}{separator}{rest.partition('#')[0]}"
    if len(address) > _LONGEST:
        raise UserError(_TOO_LONG)
    try:
        parts = urlsplit(address)
        host = parts.hostname if parts.port != 0 else None
    except ValueError:  # brackets that stay open, or a port that is no number
        raise UserError(_NO_PAGE) from None
    if not is_page(address) or not host or "\\" in address or not _is_one_word(address):
        raise UserError(_NO_PAGE)
    if "@" in parts.netloc:
        raise UserError(ADDRESS_IS_SHOWN)
    return address


def _is_one_word(text: str) -> bool:
    return text.isprintable() and " " not in text
