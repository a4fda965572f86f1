"""Documents that others wrote: JSON of registries, of images, of Kubernetes. What is not of its kind counts as not there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any


# Half of a pair of UTF-16, or a whole one.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parsed(content: bytes) -> Any:
    """What a document says, its texts without what no text in UTF-8 can hold.

    :raises ValueError: it is no JSON, or nested too deeply to be read.
    """
    text = content.decode("utf-8-sig")
    try:
        value = json.loads(text)
        if _SURROGATE.search(text):
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return value


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def visible(text: str) -> str:
    """Text whose control characters a terminal shows and does not obey."""
    return "".join(one if one.isprintable() else f"\\x{ord(one):02X}" for one in text)
