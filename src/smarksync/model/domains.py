"""Domains: what of a host name was registered, and which are everybody's mail providers."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

#: Providers whose addresses say nothing about an employer, with their whole domain.
_PROVIDERS = frozenset(
    """
    126.com 139.com 163.com 189.cn 1und1.de abv.bg aim.com alice.it aliceadsl.fr aliyun.com aol.com aol.de aol.fr
    aol.co.uk arcor.de att.net azet.sk bellsouth.net bigpond.com bigpond.net.au blueyonder.co.uk bluewin.ch bol.com.br
    btinternet.com cegetel.net centrum.cz centrum.sk charter.net club-internet.fr comcast.net cox.net daum.net
    duck.com earthlink.net email.com email.cz email.de eircom.net fastmail.com fastmail.fm foxmail.com free.fr
    freemail.hu freenet.de gmail.com googlemail.com hanmail.net hey.com home.nl hush.com hushmail.com i.ua icloud.com
    inbox.com inbox.lv inbox.ru interia.pl interia.eu juno.com kabelmail.de kpnmail.nl laposte.net libero.it list.ru
    lycos.com mac.com mail.bg mail.com mail.de mail.ee mail.ru mailbox.org me.com msn.com naver.com neuf.fr
    noos.fr ntlworld.com numericable.fr o2.pl online.de onet.pl op.pl optonline.net optusnet.com.au orange.fr
    outlook.com planet.nl pm.me poczta.onet.pl posteo.de posteo.net post.cz post.com proton.me protonmail.ch
    protonmail.com ptd.net qq.com rambler.ru rediffmail.com rocketmail.com rogers.com runbox.com sapo.pt sbcglobal.net
    seznam.cz sfr.fr shaw.ca sina.cn sina.com skynet.be sky.com sohu.com sympatico.ca t-online.de talktalk.net
    telenet.be telfort.nl telia.com terra.com.br terra.es tin.it tiscali.co.uk tiscali.it tlen.pl tuta.com tuta.io
    tutanota.com tutanota.de tutamail.com ukr.net uol.com.br usa.net verizon.net versatel.nl videotron.ca virgilio.it
    virginmedia.com volny.cz wanadoo.es wanadoo.fr wanadoo.nl web.de windowslive.com windstream.net wp.pl xs4all.nl
    xtra.co.nz yeah.net ymail.com zoho.com zohomail.com zoznam.sk ziggo.nl
    """.split()  # noqa: SIM905  # a word list reads better as text
)
#: Providers with a domain per country: the registered label under any public suffix.
_EVERYWHERE = frozenset(("gmx", "hotmail", "live", "outlook", "yahoo", "yandex"))

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.I)
_ADDRESS = re.compile(r"\d{1,3}(\.\d{1,3}){3}")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?")


@lru_cache(maxsize=1)
def _suffixes() -> PublicSuffixList:
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(only_icann=True)


def host_of(text: str) -> str | None:
    """The host name in a URL, e-mail address or bare domain: lower case, A-labels, no port. None when there is none."""
    text = text.strip()
    scheme = _SCHEME.match(text)
    rest = text[scheme.end() :] if scheme else text.removeprefix("//")
    host = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2].partition(":")[0].rstrip(".").lower()
    if not host.isascii():
        try:
            import idna

            host = idna.encode(host, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            return None
    if len(host) > 253 or _ADDRESS.fullmatch(host) or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        return None
    return host


@lru_cache(maxsize=1 << 14)
def registrable_domain(text: str | None) -> str | None:
    """``acme.co.uk`` from ``https://www.acme.co.uk/en``, ``x@mail.acme.co.uk`` or ``ACME.co.uk``.

    None for null, addresses of numbers, bare suffixes and single words.
    """
    host = host_of(text) if text else None
    return _suffixes().privatesuffix(host) if host else None


@lru_cache(maxsize=1 << 14)
def is_free_mail(text: str | None) -> bool:
    """True when an e-mail address or a domain belongs to a provider that anybody can have an address at."""
    host = host_of(text) if text else None
    if not host:
        return False
    if host in _PROVIDERS:
        return True
    domain = registrable_domain(host)
    return domain is not None and (domain in _PROVIDERS or domain.partition(".")[0] in _EVERYWHERE)
