"""The issues that images can have, by name; light enough for a command's help."""

from __future__ import annotations

ISSUES: dict[str, str] = {
    "dark": "even the brightest parts are dark",
    "bright": "even the darkest parts are bright",
    "blurry": "contrast, but no sharp edge",
    "low_information": "few different grey values",
    "low_contrast": "nearly one grey value",
    "odd_size": "far larger or smaller than the others",
    "odd_aspect": "far from square",
    "grey_among_colour": "no colour, where most images have some",
    "exact_duplicate": "the same bytes as another file",
    "near_duplicate": "looks like another image",
    "leak": "a copy lies on the other side of the split",
    "outlier": "a measure lies far from the rest",
}
"""The names of all issues, in the order in which they are listed, and what each means."""
