"""E-mail addresses: stripped, the whole address in lower case, the domain as A-labels."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

from .domains import is_free_mail
from .values import wrong_type

__all__ = ["domain_of", "is_free_mail", "parse_email"]

# What this accepts, email-validator accepts and leaves as it is (tests/unit/model/test_email.py proves it by
# property): at 24 µs a value the library is for the rest. No "--", which may be punycode and must be decoded.
_PLAIN = re.compile(r"[a-z0-9_+'-]+(?:\.[a-z0-9_+'-]+)*@(?:[a-z0-9]+(?:-[a-z0-9]+)*\.)+[a-z]{2,}", re.ASCII).fullmatch
#: A shorter address keeps every limit of local part, label and whole.
_SHORT = 64


def parse_email(value: Any) -> str | None:
    """The canonical address; None for null and blank. Raises ValueProblem SMK-VALUE-TYPE."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong_type("an e-mail address is text")
    text = value.strip().lower()
    if len(text) <= _SHORT and _PLAIN(text):
        return text
    return slow_email(value)


@lru_cache(maxsize=1 << 14)
def slow_email(value: str) -> str | None:
    """The same by email-validator: any address that the standards allow, never a question to the network."""
    text = value.strip()
    if not text:
        return None
    from email_validator import EmailNotValidError, ValidatedEmail, validate_email

    def ask(address: str) -> ValidatedEmail:
        return validate_email(
            address,
            check_deliverability=False,
            globally_deliverable=False,
            allow_quoted_local=True,
            allow_domain_literal=True,
            strict=False,
        )

    try:
        found = ask(text)
        domain = found.ascii_domain or found.domain
    except EmailNotValidError:
        # names set aside for special use (.test, .local) are refused by the library, though records hold them;
        # under another suffix they are ordinary domains
        try:
            found = ask(text + ".example")
        except EmailNotValidError:
            raise wrong_type("not an e-mail address") from None
        domain = (found.ascii_domain or found.domain).removesuffix(".example")
    local = found.normalized.rpartition("@")[0].lower()
    return f"{unicodedata.normalize('NFC', local)}@{domain.lower()}"


def domain_of(email: str | None) -> str | None:
    """The domain of a canonical address, as the expression function ``domain(email)`` gives it; None for null."""
    return (email.rpartition("@")[2] or None) if email else None
