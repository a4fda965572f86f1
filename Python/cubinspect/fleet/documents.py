"""Documents that others wrote: JSON of registries, of images, of Kubernetes. What is not of its kind counts as not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def parsed(content: bytes) -> Any:
    """:raises ValueError: it is no JSON, or nested too deeply to be read."""
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def visible(text: str) -> str:
    """Text whose control characters a terminal shows and does not obey."""
    return "".join(one if one.isprintable() else f"\\x{ord(one):02X}" for one in text)
