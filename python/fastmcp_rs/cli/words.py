"""Says what is wrong with a configuration in the words of the command line, where the package says it in Python's."""

import re

__all__ = ["in_options"]

_OPTIONS = {
    "issuer": "--issuer",
    "audience": "--audience",
    "required_scopes": "--scope",
    "algorithms": "--algorithm",
    "algorithm": "--algorithm",
    "jwks_uri": "--jwks-uri",
    "leeway": "--leeway",
    "typ": "--typ",
}
_PHRASES = (
    (re.compile(r"\ballow_http=True\b"), "--allow-http"),
    (re.compile(r'\balgorithms=\["(\w+)"\]'), r"--algorithm \1"),
    (re.compile(r", a list of them, or None to accept any$"), ", once for each, or leave it out to accept any"),
    (re.compile(r"\bgive a list with one scope an item$"), "give --scope once for each"),
    (re.compile(r"\bgive a JWTVerifier the secret\b"), "give --secret-env"),
)


def in_options(text: str) -> str:
    """Put the options of the command in the place of the parameters that an error names."""
    for phrase, words in _PHRASES:
        text = phrase.sub(words, text)
    name = re.match(r"\w+\b", text)
    return f"{_OPTIONS[name[0]]}{text[name.end() :]}" if name and name[0] in _OPTIONS else text
