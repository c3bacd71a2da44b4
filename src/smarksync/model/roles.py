"""Role addresses: boxes of a function, not of a person. They match only together with the last name."""

from __future__ import annotations

#: The part before the @, without dots and dashes. RFC 2142 names the technical ones.
ROLES = frozenset(
    """
    abuse accounting accounts admin administration administrator all anfrage anfragen billing bestellung bewerbung
    booking bookings buchhaltung bureau career careers comercial compras compta contact contacto contactus contato
    contatti customercare customerservice customersupport data datenschutz dataprotection dev devnull direction dpo
    einkauf enquiries enquiry events everyone facturation faktura feedback finance ftp gdpr general hello help helpdesk
    hi hostmaster hr impressum info infos inbox inquiries inquiry invoice invoices it jobs kontakt kundenservice legal
    list mail mailbox mailerdaemon mailer marketing media moderator news newsletter nobody noc noreply donotreply
    office oficina orders order partner partners personal postmaster presse press privacy procurement purchasing
    rechnung rechnungen reception recruiting recruitment redaktion registration rh root sales secretariat security
    service services shop spam staff store subscribe support sysadmin sysop team tech technik technical undisclosed
    unsubscribe usenet uucp vendas ventas verkauf vertrieb web webmaster webadmin welcome www zentrale
    """.split()  # noqa: SIM905  # a word list reads better as text
)

_PLAIN = str.maketrans("", "", ".-_")


def is_role_address(email: str | None) -> bool:
    """True for info@, sales@, no-reply@, info+berlin@ …; takes a canonical e-mail."""
    if not email:
        return False
    local = email.rpartition("@")[0]
    if local.isalnum():
        return local in ROLES
    return local.partition("+")[0].translate(_PLAIN) in ROLES
