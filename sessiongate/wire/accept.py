"""Content negotiation by the Accept header alone: JSON or XML, and whether a browser asks."""

JSON = "json"
XML = "xml"

_FORMATS = {
    "application/json": JSON,
    "text/json": JSON,
    "application/xml": XML,
    "text/xml": XML,
    "*/*": JSON,
    "application/*": JSON,
    "text/*": JSON,
}


def preferred(accept: str | None) -> str:
    """The format to answer in. JSON for no header, and rather than refuse, for none we know.

    The highest q wins; among equals the more exact range, then the one named first.
    """
    best = (0.0, 0, 0)
    chosen = JSON
    for place, item in enumerate((accept or "").split(",")):
        name, *params = (part.strip().lower() for part in item.split(";"))
        found = _FORMATS.get(name)
        if found is None:
            continue
        rank = (_quality(params), 0 if "*" in name else 1, -place)
        if rank[0] > 0 and rank > best:
            best, chosen = rank, found
    return chosen


def wants_html(accept: str | None) -> bool:
    """Whether HTML is asked for by name, as browsers do: `*/*` is what other clients say."""
    for item in (accept or "").split(","):
        name, *params = (part.strip().lower() for part in item.split(";"))
        if name == "text/html" and _quality(params) > 0:
            return True
    return False


def _quality(params: list[str]) -> float:
    for param in params:
        key, _, value = param.partition("=")
        if key.strip() == "q":
            try:
                number = float(value)
            except ValueError:
                return 0.0
            return number if 0.0 <= number <= 1.0 else 0.0  # also refuses nan
    return 1.0
