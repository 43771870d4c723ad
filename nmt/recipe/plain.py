"""Values in JSON form, in which recipes from any source are validated."""

from __future__ import annotations

from typing import Any

from nmt.options import Options


def plain(value: Any) -> Any:  # noqa: ANN401 -- parsed YAML, or what a Python caller wrote
    """The value in JSON form: keys become text, 1e5 an integer, dates and paths the text they were written as."""
    if isinstance(value, Options):
        return plain(value.model_dump(mode="json"))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
