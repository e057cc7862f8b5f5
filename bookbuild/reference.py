"""Sphinx extension for the reference pages: docstrings as they are written here, for autodoc and napoleon.

Formulas between dollars become roles, "Inputs" and "Outputs" become lists of fields, and a model's page lists its
settings.
"""

import re
from typing import Any

SECTIONS = [("Inputs", "Inputs"), ("Outputs", "Outputs"), ("Reference", "References"), ("Source", "References")]
_MATH = re.compile(r"(?<!\$)\$([^$\n]+(?:\n[^$\n]+)?)\$(?!\$)")
_DISPLAY = re.compile(r"^( *)\$\$(.+?)\$\$", re.DOTALL | re.MULTILINE)
_LITERAL = re.compile(r"(``.+?``|:math:`.+?`|\.\. math:: [^\n]+)")
_LABEL = re.compile(r"^( *)(Inputs|Outputs|Reference|References|Source): (\S.*)$")


def prepare(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Rewrite the lines of one docstring in place, before napoleon reads them."""
    written: list[str] = []
    for line in lines:
        found = _LABEL.match(line)
        # "Inputs: x (B, d)." on one line is a section whose text follows on the next.
        written += [f"{found[1]}{found[2]}:", f"{found[1]}    {found[3]}"] if found else [line]
    text = "\n".join(written)
    text = _DISPLAY.sub(lambda m: f"\n{m[1]}.. math:: " + " ".join(m[2].split()) + "\n", text)
    text = _MATH.sub(lambda m: ":math:`" + " ".join(m[1].split()) + "`", text)
    parts = _LITERAL.split(text)  # a bar outside literals and formulas is an absolute value
    text = "".join(part if at % 2 else part.replace("|", "\\|") for at, part in enumerate(parts))
    lines[:] = text.split("\n")


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", prepare, priority=100)  # napoleon's is 500
    app.setup_extension("sphinx.ext.napoleon")
    app.config.napoleon_custom_sections = SECTIONS
    return {"parallel_read_safe": True}
