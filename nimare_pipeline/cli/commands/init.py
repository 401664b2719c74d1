"""``nimare-pipeline init DIR``: an annotated analysis file for what is in a folder."""

import os
import statistics
from collections.abc import Iterator, Sequence
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nimare_pipeline.cli.commands.answers import CommandParser
from nimare_pipeline.cli.exit_codes import ExitCode
from nimare_pipeline.cli.status import Outcome
from nimare_pipeline.errors import DataError, NoInputError, OutputError
from nimare_pipeline.model.schema import FILE_NAME

if TYPE_CHECKING:
    from nimare_pipeline.dataset import Dataset
    from nimare_pipeline.io import Source
    from nimare_pipeline.model.template import Entry

_DESCRIPTION = f"""\
Writes an annotated {FILE_NAME} that names what is in a folder of studies, ready
to run; for a folder of images also a contrasts.tsv to fill in.
"""
CONTRASTS = "contrasts.tsv"
COLUMNS = (
    "study_id", "contrast_id", "contrast_name", "sample_size", "design", "space", "z_map", "t_map",
    "p_map", "effect_map", "se_map", "variance_map", "mask_map",
)  # fmt: skip
"""Columns of a table of contrasts to fill in."""
_UNKNOWN_MAP = "unknown_map"
"""Column for images whose names do not tell what they are; there only if there are such."""
_SHOWN = 12
"""How many labels and columns the file names."""


def run(words: Sequence[str]) -> Outcome:
    """Write the files.

    Raises
    ------
    UsageError
        For wrong words.
    NoInputError, DataError
        If there is nothing in the folder to analyse, or it cannot be read.
    OutputError
        If a file is there already and ``--force`` is not given, or cannot be written.
    """
    parser = CommandParser("init", "DIR [--force]", _DESCRIPTION)
    parser.add_argument("folder", metavar="DIR", help="folder of studies or images")
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    options = parser.parse_args(words)
    folder = Path(options.folder)
    if not folder.is_dir():
        msg = f"there is no folder {folder}"
        raise NoInputError(msg)
    written = write(folder, force=options.force)
    names = " and ".join(path.name for path in written)
    return Outcome(ExitCode.OK, f"{names} {_is(written)} written", str(written[0]))


def write(folder: Path, *, force: bool = False) -> list[Path]:
    """Write ``analyses.toml``, and for a folder of images ``contrasts.tsv``; the paths of both."""
    from nimare_pipeline.model.template import Entry, annotated

    _refuse_existing(folder / FILE_NAME, force=force)
    entries, odd = _described(folder)
    sources = _sources(folder, _databases(folder, entries))
    files: dict[str, str] = {}
    if sources:
        facts = [*(_fact(source) for source in sources), *odd]
        entries = entries or _entries(sources)
    else:
        _refuse_existing(folder / CONTRASTS, force=force)
        files[CONTRASTS], facts = contrasts_of(list(_images(folder)))
        entries = [Entry({"name": _name(folder.resolve().name, []), "type": "ibma"})]
    files = {FILE_NAME: annotated(entries, folder=str(folder), facts=facts), **files}
    return [_write(folder / name, text) for name, text in files.items()]


def _sources(folder: Path, databases: Sequence[Path]) -> list["Source"]:
    """What is in a folder beside databases; nothing if it is images that no table describes."""
    from nimare_pipeline import io
    from nimare_pipeline.io import loose_images
    from nimare_pipeline.io.folder import find
    from nimare_pipeline.io.native import NAME as TABLES

    loose = any(True for _ in _images(folder)) and not (folder / CONTRASTS).exists()
    try:
        if [module for module, _ in find(folder, databases)[0]] == [loose_images]:
            return []
        sources = io.read(folder, apart=databases)
    except NoInputError:
        if not loose:
            raise
        return []
    only_named = all(
        source.format == TABLES and not len(source.dataset.coordinates) for source in sources
    )
    return [] if loose and only_named else sources


def contrasts_of(images: Sequence[str]) -> tuple[str, list[str]]:
    """Table of contrasts with what the names of images tell, and what is to be said of it."""
    from nimare_pipeline.image_names import guess

    rows: dict[tuple[str, str], dict[str, str]] = {}
    unknown = []
    for image in images:
        found = guess(image)
        column = f"{found.kind}_map" if found.kind else _UNKNOWN_MAP
        row = rows.setdefault((found.study, found.contrast), {})
        if column in row:  # two images that look alike: each has a row of its own to be judged
            row = rows.setdefault((found.study, f"{found.contrast}x{len(rows)}"), {})
        row[column] = image
        if found.space:
            row["space"] = found.space
        if not found.kind:
            unknown.append(image)
    columns = [*COLUMNS, *([_UNKNOWN_MAP] if unknown else [])]
    lines = ["\t".join(columns)]
    for (study, contrast), row in rows.items():
        values = {"study_id": study, "contrast_id": contrast, **row}
        lines.append("\t".join(values.get(name, "n/a") for name in columns))
    facts = [f"{len(images)} images; {CONTRASTS} says which is what: please fill it in"]
    if unknown:
        be, them = ("is", "it") if len(unknown) == 1 else ("are", "them")
        facts.append(f"{len(unknown)} of them {be} in its column {_UNKNOWN_MAP}: move {them}")
    return "".join(f"{line}\n" for line in lines), facts


def _refuse_existing(path: Path, *, force: bool) -> None:
    if path.exists() and not force:
        msg = f"{path.parent} has {path.name} already; --force replaces it"
        raise OutputError(msg)


def _write(path: Path, text: str) -> Path:
    from nimare_pipeline.writing import write_file

    write_file(path, text.encode(errors="replace"))
    return path


def _is(written: Sequence[Path]) -> str:
    return "is" if len(written) == 1 else "are"


def _images(folder: Path) -> Iterator[str]:
    """Images below a folder, as paths relative to it; not those in hidden folders or results."""
    from nimare_pipeline.io.folder import SKIPPED

    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if not n.startswith(".") and n not in SKIPPED)
        for name in sorted(names):
            if name.endswith((".nii", ".nii.gz")) and not name.startswith("."):
                yield (Path(parent) / name).relative_to(folder).as_posix()


def _described(folder: Path) -> tuple[list["Entry"], list[str]]:
    """Analyses that the files of a folder describe themselves, and what is odd in them."""
    from nimare_pipeline.io.described import find
    from nimare_pipeline.model.template import Entry

    try:
        found = find(folder)
    except DataError as error:  # the file is for changing what cannot be run as it is
        return [], str(error).splitlines()
    entries: list[Entry] = []
    for one in found:
        for table in one.analyses:
            name = _name(table["name"], [str(entry.values["name"]) for entry in entries])
            values = {"type": "cbma", **table, "name": name}
            if "database" in values:
                values["database"] = _from(folder, one.file.parent / values["database"])
            entries.append(Entry(values))
    return entries, [str(problem) for one in found for problem in one.problems]


def _databases(folder: Path, entries: Sequence["Entry"]) -> list[Path]:
    return [folder / one.values["database"] for one in entries if "database" in one.values]


def _from(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _entries(sources: Sequence["Source"]) -> list["Entry"]:
    """One analysis for each source, as a run without a file would have them."""
    from nimare_pipeline.model.template import Entry

    entries: list[Entry] = []
    for source in sources:
        values: dict[str, Any] = {
            "name": _name(source.name, [str(entry.values["name"]) for entry in entries]),
            "type": "cbma" if len(source.dataset.coordinates) else "ibma",
        }
        if len(sources) > 1:
            values["sources"] = [escape(source.files[0])]
        notes = _missing_n(source.dataset, values)
        select = _example(source.dataset)
        examples = {"select": select, "sources": _pattern(source.files[0])}
        entries.append(Entry(values, notes, examples))
    return entries


def _name(text: str, taken: Sequence[str]) -> str:
    """Name in letters and digits that no other analysis has."""
    from nimare_pipeline.errors import UsageError
    from nimare_pipeline.labels import free_name, label

    try:
        name = label(text)
    except UsageError:
        name = "analysis"
    folded = {other.casefold() for other in taken}
    return free_name(name, lambda one: one.casefold() in folded, joint="")


def _pattern(file: str) -> str:
    from nimare_pipeline.settings_file import toml_value

    return toml_value([escape(file)])


def _missing_n(dataset: "Dataset", values: dict[str, Any]) -> dict[str, str]:
    """Set a policy where contrasts lack a sample size: nothing could be computed without one."""
    import numpy as np

    from nimare_pipeline.contrast import counted

    missing = int(np.isnan(dataset.sample_sizes()).sum())
    if not missing or values["type"] != "cbma":
        return {}
    values["missing_n"] = "median" if missing < len(dataset.ids) else 10
    what = "the median of the others" if missing < len(dataset.ids) else "a kernel of 10 mm"
    have = "has" if missing == 1 else "have"
    note = (
        f"{counted(missing, 'contrast')} {have} no sample size; {what} is a choice: is it right?"
    )
    return {"missing_n": note}


def _fact(source: "Source") -> str:
    """What a source holds, in one line."""
    import numpy as np

    from nimare_pipeline.contrast import counted, listed
    from nimare_pipeline.pooling import several
    from nimare_pipeline.tables import ID_COLUMNS

    dataset = source.dataset
    sizes = dataset.sample_sizes()
    known = sizes[~np.isnan(sizes)]
    n_studies = dataset.metadata["study_id"].nunique()
    said = [
        f"{', '.join(source.files)} ({source.format}):",
        f"{counted(len(dataset.ids), 'contrast')} of {counted(n_studies, 'study', 'studies')},",
        f"{counted(len(dataset.coordinates), 'focus', 'foci')},",
        f"sample sizes {known.min():g} to {known.max():g}" if len(known) else "no sample sizes",
    ]
    shared = several(dataset.metadata["study_id"])
    if shared:
        said.append(f"; {shared.words}: see pool")
    columns = [str(name) for name in dataset.metadata.columns]
    for what, found in (("columns", columns), ("labels", dataset.get_labels())):
        names = [name for name in found if name not in (*ID_COLUMNS, *_OWN_COLUMNS)]
        if names:
            said.append(f"; {what}: {listed(names, _SHOWN)}")
    images = [name for name in dataset.images.columns if name not in (*ID_COLUMNS, "space")]
    if images:
        said.append(f"; images: {listed(sorted({n.split('__')[0] for n in images}), _SHOWN)}")
    return " ".join(said).replace(" ;", ";")


_OWN_COLUMNS = ("original_space", "space_transform", "sample_sizes", "source_file", "source_line")


def _example(dataset: "Dataset") -> str:
    """Selection that names something of the data, as it stands in a file."""
    import numpy as np
    import pandas as pd

    sizes = dataset.sample_sizes()
    known = sizes[~np.isnan(sizes)]
    parts = [f"sample_size >= {statistics.median_low(known.tolist()):g}"] if len(known) else []
    for name in dataset.get_labels():
        plain = name.isprintable() and not set(name) & set("\"'\\")
        if plain and pd.api.types.is_numeric_dtype(dataset.label(name)):
            parts.append(f'label("{name}") > 0')
            break
    selection = " and ".join(parts) or "n_foci >= 2"
    return f"'{selection}'"
