"""An annotated analysis file to start from: every key with its meaning, and names of real data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nimare_pipeline.model.document import without
from nimare_pipeline.model.key import Key
from nimare_pipeline.model.schema import BUILT, RUN, TYPES
from nimare_pipeline.settings_file import toml_value

_WIDTH = 99


@dataclass(frozen=True)
class Entry:
    """One analysis to write.

    Parameters
    ----------
    values : dict
        Keys that are set; ``name`` and ``type`` among them.
    notes : dict of str to str
        Why a key is set so.
    examples : dict of str to str
        Values as they stand in a file, for keys that are only shown.
    """

    values: Mapping[str, Any]
    notes: Mapping[str, str] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)


LANGUAGE = (
    "select names contrasts by what is known of them:",
    '    sample_size >= 10 and not (task == "rest" or year < 2000)',
    '    study_id in ["ada2001", "bell2002"] and n_foci > 3',
    '    label("pain") > 0.001             a column of the annotations',
    '    column("an odd name") == "a"      any column',
    "    within(24, -2, -20, 6)            a focus at most 6 mm from this point",
    '    in_mask("amygdala.nii.gz")        a focus in a mask',
    "    missing(age)                      the contrast has no such value",
    "A comparison with a missing value is neither true nor false: neither it nor its not selects.",
)
"""The language of selections in short."""


def annotated(entries: Sequence[Entry], *, folder: str, facts: Sequence[str]) -> str:
    """Write an analysis file: the first analysis shows every key, the others what is set.

    Parameters
    ----------
    entries : sequence of Entry
    folder : str
        Input folder, as a user would type it.
    facts : sequence of str
        What is in the folder, a line each.
    """
    types = dict.fromkeys(str(entry.values["type"]) for entry in entries)
    lines = [
        "# The analyses of one run:",
        *_wrapped(f"nimare-pipeline {folder} OUT_DIR meta", "#     ", "#     "),
        "# Lines such as '# seed = 42' are examples; remove the # to use one.",
        "",
        "# What is here:",
        *(line for fact in facts for line in _wrapped(fact, "#   ", "#       ")),
        "",
        *(f"# {line}" for line in LANGUAGE),
        "",
        "[run]",
        *(line for key in RUN for line in _key(key, Entry({}))),
        "",
        "[defaults]",
        "# Any key of an analysis, for all of them; a value of its own replaces it whole.",
        *(
            line
            for key in TYPES[next(iter(types))].keys
            if key.name in _SHARED
            for line in (f"# {key.meaning}", f"# {key.name} = {toml_value(key.default)}")
        ),
    ]
    for number, entry in enumerate(entries):
        lines += ["", "[[analysis]]", *_unbuilt(entry), *_analysis(entry, complete=number == 0)]
    for name in TYPES:
        if name not in types:
            lines += ["", *_other(name)]
    return "".join(f"{line}\n" for line in lines)


def of_tables(
    tables: Iterable[Mapping[str, Any]], *, folder: str, facts: Sequence[str] = ()
) -> str:
    """Write the analysis file of analyses that were described elsewhere, a table each."""
    entries = [Entry({"type": "cbma", **table}) for table in tables]
    return annotated(entries, folder=folder, facts=facts)


_SHARED = ("corrector", "alpha")


def _other(name: str) -> list[str]:
    """Show another type: its own keys, in comments."""
    built = "" if name in BUILT else " (this version cannot run it yet)"
    common = {key.name for key in TYPES["cbma"].keys}
    own = [key for key in TYPES[name].keys if key.name == "type" or key.name not in common]
    return [
        f"# {TYPES[name].meaning}{built}",
        "# [[analysis]]",
        f'# name = "my{name.capitalize()}"',
        *(_short(key) for key in own),
    ]


def _short(key: Key) -> str:
    line = f"# {key.name} = {key.example}"
    longer = f"{line}  # {key.meaning}"
    return longer if len(longer) <= _WIDTH else line


def _unbuilt(entry: Entry) -> list[str]:
    if entry.values["type"] in BUILT:
        return []
    return [f"# This version cannot run this type yet; it runs: {', '.join(BUILT)}"]


def _analysis(entry: Entry, *, complete: bool) -> list[str]:
    lines: list[str] = []
    for key in TYPES[str(entry.values["type"])].keys:
        if complete:
            lines += _key(key, entry)
        elif key.name in entry.values and entry.values[key.name] != key.default:
            lines.append(_set(key, entry))
    return lines


def _key(key: Key, entry: Entry) -> list[str]:
    """Meaning of a key as a comment, and the key, commented out unless it is set."""
    what = f"default: {without(key)}"
    if key.required:
        what = "required"
    elif key.name in _SHARED:
        what = "default: that of [defaults]"
    lines = _wrapped(f"{key.meaning} ({what})", "# ", "# ")
    if key.name in entry.values:
        return [*lines, _set(key, entry)]
    return [*lines, f"# {key.name} = {entry.examples.get(key.name, key.example)}"]


def _set(key: Key, entry: Entry) -> str:
    note = f"  # {entry.notes[key.name]}" if key.name in entry.notes else ""
    return f"{key.name} = {toml_value(entry.values[key.name])}{note}"


def _wrapped(text: str, first: str, then: str) -> list[str]:
    """Lines of a comment; what stands in the data must not break out of it."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    lines, line = [], first
    for word in text.split():
        if len(line) + len(word) > _WIDTH and line not in (first, then):
            lines.append(line.rstrip())
            line = then
        line += f"{word} "
    return [*lines, line.rstrip()]
