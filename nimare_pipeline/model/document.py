"""The schema in words: the tables of ``docs/analyses.md``.

After a change of the schema::

    python -m nimare_pipeline.model.document docs/analyses.md
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from nimare_pipeline.model.key import Key
from nimare_pipeline.model.schema import BUILT, RUN, TYPES
from nimare_pipeline.settings_file import toml_value

_MARKED = re.compile(r"(<!-- keys of (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def key_table(keys: Sequence[Key]) -> str:
    """Table of keys in Markdown, a row each."""
    rows = [
        "| key | what it says | a value is | without it | for example |",
        "|---|---|---|---|---|",
    ]
    rows += [
        f"| `{key.name}` | {_cell(key.meaning)} | {_cell(key.kind.words)} | {_cell(without(key))} "
        f"| {_code(key.example)} |"
        for key in keys
    ]
    return "".join(f"{row}\n" for row in rows)


def without(key: Key) -> str:
    """What holds without a key, in words."""
    if key.required:
        return "required"
    return key.otherwise if key.default is None else toml_value(key.default)


def fill(text: str) -> str:
    """Write the tables into a text, between the marks that ask for them."""
    sections = {"run": RUN, **{name: kind.keys for name, kind in TYPES.items()}}
    heads = {name: f"{kind.meaning}{_built(name)}\n\n" for name, kind in TYPES.items()}

    def table(match: re.Match[str]) -> str:
        name = match[2]
        return f"{match[1]}{heads.get(name, '')}{key_table(sections[name])}{match[3]}"

    return _MARKED.sub(table, text)


def _built(name: str) -> str:
    return "" if name in BUILT else " *(not built yet: such an analysis is checked, and fails)*"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text else ""


if __name__ == "__main__":
    page = Path(sys.argv[1])
    page.write_text(fill(page.read_text(encoding="utf-8")), encoding="utf-8")
