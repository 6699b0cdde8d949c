"""Kinds of parameters: which of all the hostile values each accepts, and what the value means."""

from dataclasses import dataclass, field
from pathlib import Path

from fastmcp_rs.testing import KeyPair

SECRET = "a shared secret of the tests that is as long as SHA-512's output"
PEM = KeyPair.generate("ES256").public_key
KEY_FILE = str(Path(__file__).parents[2] / "vectors" / "keys" / "p521.private.pem")

COLLECTIONS = {"tuple", "frozenset", "list", "set"}
WORDS = {"text: the word no", "text: the word true", "text: digits"}
PADDED = {"text: space before", "text: space behind", "text: line end", "text: carriage return"}
UNSEEN = {"text: NUL at its end", "text: NUL before it", "text: BOM", "text: zero width", "text: no-break space"}
BLANK = {"text: str", "text: spaces", "text: white space"}
HUGE = {"text: 10 MB", "text: 10 MB behind it"}
EMPTIES = {"empty tuple", "empty frozenset", "empty list", "empty set"}
NUMBERS = {
    *("0", "1", "-1", "1.5", "-0.0", "1e+308", "nan", "inf", "-inf", "2**31", "2**63", "2**64", "-2**63 - 1"),
}
MANY = {"100,000 items", "100,000 times one"}


@dataclass(frozen=True)
class Kind:
    """What is taken of the values, and what it then means. Of whatever else there is the parameter says no."""

    meaning: str
    takes: set[str] = field(default_factory=set)
    good: str = "good"
    # What may be in no message: what the good text is, where it is a secret.
    is_secret: bool = False


def _or_none(kind, meaning):
    return Kind(f"{kind.meaning}; None: {meaning}", {*kind.takes, "None"}, kind.good, is_secret=kind.is_secret)


FLAG = Kind("True or False, and nothing that is merely true", {"True", "False"})
TEXT = Kind("a text that is sent or compared as it is", {"text: of a subclass", *WORDS})
SCOPES = Kind(
    "a list of scopes, or a text with spaces, commas or line ends between them; None and no items: nothing is demanded",
    {"None", "text: of a subclass", *WORDS, *PADDED, *COLLECTIONS, *EMPTIES, *MANY},
    "read",
)
URL = Kind("an absolute URL", {"text: of a subclass"}, "https://issuer.example/x")
OCTETS = Kind(
    "the octets of a secret, whatever they are",
    {
        *("text: of a subclass", "bytes", "bytes of a subclass", "bytes that are no text", "10 MB of bytes"),
        *(*WORDS, *PADDED, *UNSEEN, *HUGE),
    },
    SECRET,
    is_secret=True,
)
PUBLIC_KEY = Kind(
    "PEM text, with whatever stands around its armour (RFC 7468 section 2)",
    {
        *(
            "text: of a subclass",
            "bytes",
            "bytes of a subclass",
            "text: NUL at its end",
            "text: BOM",
            "text: zero width",
        ),
        *PADDED,
    },
    PEM,
)
CREDENTIAL = Kind(
    "what can be seen, spaces at its ends too (RFC 6749 appendix A)",
    {"text: of a subclass", *WORDS, "text: space before", "text: space behind", "text: no-break space"},
)
DENIED = Kind(
    "a text that can be seen, spaces too",
    {
        *("text: of a subclass", "text: space before", "text: space behind", "text: spaces", "text: no-break space"),
        *WORDS,
    },
)
TOKEN_KIND = Kind("a name for the tokens", TEXT.takes, "bearer")
ANY_TEXT = Kind(
    "any text, of whatever length",
    {"text: of a subclass", *WORDS, *PADDED, *UNSEEN, *BLANK, *HUGE},
    "any-text",
)

KINDS = {
    "flag": FLAG,
    "optional flag": _or_none(FLAG, "as the default is"),
    "token characters": Kind(
        "characters that a token may have beside those of RFC 6750; none is the default",
        {"text: of a subclass", "text: str"},
        "!",
    ),
    "unavailable": Kind("raise or none", {"text: of a subclass"}, "raise"),
    "text": TEXT,
    "typ": _or_none(TEXT, "any"),
    "url": URL,
    "optional url": _or_none(URL, "it is left out"),
    "servers": Kind(
        "one URL or several; None: none are named",
        {"None", "text: of a subclass", *COLLECTIONS, *MANY},
        URL.good,
    ),
    "expectation": Kind(
        "one text or several, one of which the token must have; None: any",
        {"None", *TEXT.takes, *COLLECTIONS, *MANY},
    ),
    "claims": Kind(
        "the name or JSON Pointer of a claim, or several; None: no such rule",
        {"None", *TEXT.takes, *COLLECTIONS, *MANY},
    ),
    "hierarchy": Kind("a dict of scopes and others, which each implies; None: none", {"None"}),
    "expected claims": Kind("a dict of claims and what each must be; None: none", {"None", "dict", "dict of 100,000"}),
    "age": Kind("a whole number of seconds from 1 to ten years; None: any", {"None", "1"}),
    "issuers": Kind("a list of issuers", COLLECTIONS, "https://issuer.example"),
    "denied text": DENIED,
    "optional denied text": _or_none(DENIED, "any"),
    "function": Kind(
        "a function without arguments; None: there is none",
        {"None", "class", "function", "async function", "raising object"},
    ),
    "interval": Kind("seconds from 1 to 86400", {"1", "1.5"}),
    "tenants": Kind(
        "the GUID of a tenant, or several",
        {"text: of a subclass", *COLLECTIONS, "100,000 times one"},
        "72f988bf-86f1-41af-91ab-2d7cd011db47",
    ),
    "scopes": SCOPES,
    "granted scopes": Kind("as scopes; a text without any grants none", {*SCOPES.takes, *BLANK}, SCOPES.good),
    "list of scopes": Kind(
        "a list of scopes, each of which is demanded",
        SCOPES.takes & {*COLLECTIONS, *EMPTIES, *MANY},
        "read",
    ),
    "a scope": Kind("a text that is one scope", TEXT.takes, "read"),
    "asked scopes": Kind(
        "as scopes; none are asked for where none are named",
        SCOPES.takes,
        "read",
    ),
    "secret": OCTETS,
    "public key": PUBLIC_KEY,
    "credential": CREDENTIAL,
    "client secret": Kind(CREDENTIAL.meaning, CREDENTIAL.takes, "hush-hush-secret", is_secret=True),
    "algorithms": Kind("names of algorithms", {"text: of a subclass", *COLLECTIONS, "100,000 times one"}, "HS256"),
    "asymmetric algorithms": Kind(
        "names of algorithms", {"text: of a subclass", *COLLECTIONS, "100,000 times one"}, "ES256"
    ),
    "optional algorithms": Kind(
        "names of algorithms; None: those of the key",
        {"None", "text: of a subclass", *COLLECTIONS, "100,000 times one"},
        "ES256",
    ),
    "algorithm": Kind("the name of an algorithm", {"text: of a subclass"}, "ES256"),
    "optional algorithm": Kind("the name of an algorithm; None: the default", {"text: of a subclass", "None"}, "HS256"),
    "leeway": Kind("seconds from 0 to 600; None: 0 and 30", {"None", "0", "1", "1.5", "-0.0"}),
    "span": Kind("seconds from 0 on, as many as 64 bits hold", {"0", "1", "1.5", "-0.0", "2**31", "2**63"}),
    "memory span": Kind("seconds from 0 to a year", {"0", "1", "1.5", "-0.0"}),
    "optional memory span": Kind("seconds from 0 to a year; None: as 0", {"None", "0", "1", "1.5", "-0.0"}),
    "answer store": Kind("a store, or a function that makes one", {"function", "class"}),
    "answer secret": Kind(
        "32 octets or more, whatever they are",
        OCTETS.takes - WORDS - {"bytes that are no text"},
        SECRET,
        is_secret=True,
    ),
    "timeout": Kind("seconds above 0 and up to 300", {"1", "1.5"}),
    "count": Kind("a whole number from 0 to 10,000,000", {"0", "1"}),
    "dpop mode": Kind("off, allowed or required", {"text: of a subclass"}, "allowed"),
    "dpop algorithms": Kind(
        "names of algorithms for public keys; None: the default",
        {"None", "text: of a subclass", *COLLECTIONS, "100,000 times one"},
        "ES256",
    ),
    "dpop age": Kind("seconds from 1 to 3600", {"1", "1.5"}),
    "dpop nonce": Kind(
        "the octets of a secret, 32 at least; None: no nonces",
        {
            *("None", "text: of a subclass", "bytes", "bytes of a subclass", "10 MB of bytes"),
            *(*PADDED, *UNSEEN, *HUGE),
        },
        SECRET,
        is_secret=True,
    ),
    "optional count": Kind("a whole number from 0 to 10,000,000; None: the default", {"None", "0", "1"}),
    "client": Kind("an asynchronous HTTP client; None: our own", {"None"}),
    "headers": Kind(
        "up to 100 names and values; None or none: no headers of one's own",
        {"None", "dict", "empty dict"},
        "x-key",
    ),
    "tokens": Kind(
        "a list of tokens, or a dict of tokens and what they stand for",
        {"list", "tuple", "raising list", "dict of a dict", *MANY},
        "an-api-key-0123456789",
        is_secret=True,
    ),
    "token type": Kind(
        "the name of a kind, or in this place FastMCP's required scopes",
        {*TOKEN_KIND.takes, "list", "tuple", *MANY, "empty list", "empty tuple"},
        "bearer",
    ),
    "bearer token": Kind(
        "a text of the characters of RFC 6750 section 2.1, of whatever length",
        {"text: of a subclass", *WORDS, *HUGE},
        "an-api-key-0123456789",
        is_secret=True,
    ),
    "any text": ANY_TEXT,
    "optional any text": _or_none(ANY_TEXT, "it is absent"),
    "scopes as they are": Kind(
        "as scopes, and in a list whatever texts there are; None: unknown",
        {
            *SCOPES.takes,
            *("list of nothing", "list of a space", "list of a line end", "list of padded", "list of a huge text"),
            *("text: NUL at its end", "text: NUL before it", "text: BOM", "text: zero width", "text: no-break space"),
            *BLANK,
            *HUGE,
        },
        "read",
    ),
    "moment": Kind("a datetime; None: never", {"None", "datetime"}),
    "listed moment": Kind(
        "a datetime, or seconds since 1970 in the years 1 to 9999; None: never",
        {"None", "datetime", "0", "1", "-1", "1.5", "-0.0", "2**31"},
    ),
    "metadata": Kind(
        "a dict of what can be copied; None: none", {"None", "empty dict", "dict", "dict of a dict", "dict of 100,000"}
    ),
    "unknown url": Kind("what the installed FastMCP has not", {"None"}, URL.good),
    "any texts": Kind(
        "a text or a list of texts, whatever they are; None and nothing: it is left out",
        {
            *("None", *ANY_TEXT.takes, *COLLECTIONS, *EMPTIES, *MANY),
            *("list of nothing", "list of a space", "list of a line end", "list of padded", "list of a huge text"),
        },
    ),
    "number": Kind("a number of seconds, right or wrong", {*NUMBERS, "10**400"}),
    "json object": Kind("a dict of what JSON has", {"None", "empty dict", "dict", "dict of a dict", "dict of 100,000"}),
    "json": Kind(
        "what json.dumps() takes, right or wrong",
        {
            *(
                *ANY_TEXT.takes,
                "text: surrogate",
                "text: surrogate alone",
                *NUMBERS,
                "10**400",
                "None",
                "True",
                "False",
            ),
            *("empty tuple", "tuple", "empty list", "list", "empty dict", "dict", "dict of a dict", "dict of 100,000"),
            *("list of a number", "list of None", "list of nothing", "list of a space", "list of a line end", *MANY),
            *("list of padded", "list of a surrogate", "list of a list", "list of a huge text"),
        },
    ),
    "method": Kind("one of two names; None: the first", {"None", "text: of a subclass"}, "client_secret_basic"),
    "key file": Kind("the path of a file with a private key", {"text: of a subclass"}, KEY_FILE),
    "nothing": Kind("None alone, for what it would be about is not given", {"None"}),
    "protected": Kind("a provider of FastMCP's base class", set()),
    "provider": Kind("a provider; None: FastMCP's default", {"None"}),
    "made by generate()": Kind("what KeyPair.generate() makes", set()),
}
