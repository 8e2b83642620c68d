"""Keeping users, passwords and other secrets of addresses out of messages, logs and records."""

import re
from urllib.parse import quote, quote_plus, unquote

HIDDEN = "***"

# Greedy to the last @: a password may itself hold /, : and @, written raw. Losing a host name to
# this is cheaper than showing half a password.
_USER_INFO = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^\s'\"<>]*@", re.IGNORECASE)
_ENCODED = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*%3a%2f%2f)[^\s'\"<>]*(?:%40|@)", re.IGNORECASE)
_BARE = re.compile(r"(?<![^\s'\"<>(\[=,;])[^\s'\"<>@/]+:(?!//)[^\s'\"<>]+@(?=[\w\[])")
# Values reach to the next & or ;. Some cameras put "/user=a_password=b_channel=1" into the path;
# as _ may belong to a password, all of the rest goes there.
_SECRET_KEYS = (
    r"pass(?:word|wd|phrase)?|passwd|pwd|pw|psw|psswd|auth(?:orization)?|token|access_token"
    r"|api_?key|key|secret|sig(?:nature)?|session(?:id)?"
)
_KEYS = rf"user(?:name|id)?|usr|login|account|{_SECRET_KEYS}"
_IS_VALUE = r"(?P<is>=|%3d)(?P<value>[^&;\s'\"<>]*)"
_VALUE = re.compile(rf"(?<![A-Za-z0-9])(?P<key>{_KEYS}){_IS_VALUE}", re.IGNORECASE)
_SECRET_VALUE = re.compile(rf"(?<![A-Za-z0-9])(?:{_SECRET_KEYS}){_IS_VALUE}", re.IGNORECASE)
_SHORTEST = 3
"""A secret shorter than this is not looked for on its own; it would blot out any text."""


def redact(text: str, url: str = "") -> str:
    """The text without credentials: those of any URL in it, and those of `url` in any spelling."""
    for secret in sorted(_spellings(url), key=len, reverse=True):
        text = re.sub(re.escape(secret), HIDDEN, text, flags=re.IGNORECASE)
    for pattern in (_USER_INFO, _ENCODED):
        text = pattern.sub(rf"\g<scheme>{HIDDEN}@", text)
    text = _BARE.sub(f"{HIDDEN}@", text)
    return _VALUE.sub(rf"\g<key>\g<is>{HIDDEN}", text)


def _spellings(url: str) -> set[str]:
    """The URL's passwords as they may appear in a text: raw, decoded, percent-encoded."""
    spelled = set()
    for secret in _secrets(url):
        plain = unquote(secret)
        encoded = (quote(plain, safe=""), quote(plain), quote(secret, safe=""), quote_plus(plain))
        spelled |= {secret, plain, repr(plain)[1:-1], *encoded}
    return {secret for secret in spelled if len(secret) >= _SHORTEST}


def _secrets(url: str) -> set[str]:
    _, _, rest = url.partition("://")
    found = set()
    # The authority ends at the first /, ? or #, or later if a raw password holds one of them.
    for information in {re.split(r"[/?#]", rest)[0].rpartition("@")[0], rest.rpartition("@")[0]}:
        _, _, password = information.partition(":")
        found.add(password)
    for match in _SECRET_VALUE.finditer(rest):
        found |= {match["value"], match["value"].partition("_")[0]}
    return found - {""}
