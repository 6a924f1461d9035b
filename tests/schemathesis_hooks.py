"""What a client of this API has to know and a schema can't say."""

import itertools

import schemathesis

LONGEST_KEY = 255  # as in the contract

seen = {}
numbers = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    """A key belongs to one request: `take a new key for a new request` is the contract's rule.

    The generators repeat short keys, the contract's example among them, with other bodies. Such a repetition
    gets a key that was never used; the first use, and any key against the schema, is sent as it was made.
    """
    keep_own_token(case)
    if lacks_credential(case):
        # With another key the tool would take it for a request of its own making, and put the credential back.
        return
    headers = case.headers or {}
    key = headers.get("Idempotency-Key")
    if not isinstance(key, str) or not is_valid(key):
        return
    request = (case.method, case.path, repr(case.body), repr(case.media_type))
    if seen.setdefault(key, request) != request:
        suffix = f".{next(numbers)}"
        headers["Idempotency-Key"] = key[: LONGEST_KEY - len(suffix)] + suffix


def lacks_credential(case):
    """Whether the tool means to send this request without its credential."""
    parameter = getattr(getattr(getattr(case.meta, "phase", None), "data", None), "parameter", None)
    return (parameter or "").lower() == "authorization"


def keep_own_token(case):
    """The first token is the one that these requests carry: another takes its place where it would be changed."""
    if case.path == "/tokens/{id}" and case.method.upper() in ("PATCH", "DELETE"):
        if str((case.path_parameters or {}).get("id")) == "1":
            case.path_parameters["id"] = 2


def is_valid(key):
    return 1 <= len(key) <= LONGEST_KEY and all("!" <= character <= "~" for character in key)
