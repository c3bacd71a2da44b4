"""Tokens and limits of the simulated org."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

CLIENT_ID = "3MVG9simulated"
CLIENT_SECRET = "simulated-secret"
REFRESH_TOKEN = "5Aep861simulated"
USERNAME = "smarksync@ourselves.example"
ORG = "00D5g000000SIMUEA4"
_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")


class Denied(Exception):
    """The token endpoint says no: ``error`` and its description (always 400)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


@dataclass
class Access:
    """Which tokens are good, and until when."""

    sessions: dict[str, datetime] = field(default_factory=dict)
    refresh_token: str = REFRESH_TOKEN
    key: tuple[int, int] | None = None  # modulus and exponent of the certificate of the app
    issued: int = 0
    asked: int = 0

    def grant(self, form: dict[str, str], now: datetime, audience: str, *, rotate: bool, life: int) -> dict[str, Any]:
        """The answer of the token endpoint; raises :class:`Denied`."""
        self.asked += 1
        kind = form.get("grant_type", "")
        answer: dict[str, Any] = {}
        if kind in ("client_credentials", "refresh_token"):
            if form.get("client_id") != CLIENT_ID:
                raise Denied("invalid_client_id", "client identifier invalid")
            if form.get("client_secret") != CLIENT_SECRET:
                raise Denied("invalid_client", "invalid client credentials")
        if kind == "refresh_token":
            if form.get("refresh_token") != self.refresh_token:
                raise Denied("invalid_grant", "expired access/refresh token")
            if rotate:
                self.refresh_token = answer["refresh_token"] = f"{REFRESH_TOKEN}{self.asked}"
        elif kind == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            self._assertion(form.get("assertion", ""), now, audience)
        elif kind != "client_credentials":
            raise Denied("unsupported_grant_type", "grant type not supported")
        self.issued += 1
        token = f"{ORG[:15]}!AQ{self.issued:06d}.simulated"
        self.sessions[token] = now + timedelta(seconds=life)
        return {"access_token": token, "signature": "c2ltdWxhdGVk", "token_format": "opaque", **answer}

    def good(self, header: str, now: datetime) -> bool:
        """Whether an Authorization header opens the door."""
        kind, _, token = header.partition(" ")
        return kind.lower() in ("bearer", "oauth") and token in self.sessions and now < self.sessions[token]

    def _assertion(self, token: str, now: datetime, audience: str) -> None:
        try:
            head, body, signature = token.split(".")
            header, claims = (json.loads(_unpack(part)) for part in (head, body))
        except ValueError:
            raise Denied("invalid_grant", "invalid assertion") from None
        if (
            header.get("alg") != "RS256"
            or self.key is None
            or not _signed(f"{head}.{body}", _unpack(signature), self.key)
        ):
            raise Denied("invalid_grant", "invalid assertion")
        left = claims.get("exp", 0) - now.timestamp()
        if not 0 < left <= 300:
            raise Denied("invalid_grant", "expired authorization code" if left <= 0 else "assertion lives too long")
        known = {"https://login.salesforce.com", "https://test.salesforce.com", audience}
        if claims.get("iss") != CLIENT_ID or claims.get("aud") not in known:
            raise Denied("invalid_client_id", "client identifier invalid")
        if claims.get("sub") != USERNAME:
            raise Denied("invalid_grant", "user hasn't approved this consumer")


def _unpack(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _signed(text: str, signature: bytes, key: tuple[int, int]) -> bool:
    """RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017, 8.2.2)."""
    modulus, exponent = key
    size = (modulus.bit_length() + 7) // 8
    shown = pow(int.from_bytes(signature, "big"), exponent, modulus).to_bytes(size, "big")
    digest = _DIGEST_INFO + hashlib.sha256(text.encode()).digest()
    return shown == b"\x00\x01" + b"\xff" * (size - 3 - len(digest)) + b"\x00" + digest
