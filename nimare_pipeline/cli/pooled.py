"""Several input files as one set of studies."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nimare_pipeline.contrast import counted, listed
from nimare_pipeline.defaults import UNKNOWN_STUDY
from nimare_pipeline.errors import Problem

if TYPE_CHECKING:
    from nimare_pipeline.dataset import Dataset
    from nimare_pipeline.io import Source


def pooled(sources: Sequence["Source"]) -> tuple["Dataset", tuple[Problem, ...]]:
    """Dataset of the contrasts of all sources, and what is odd in bringing them together.

    Where several files are a format's usual way (Sleuth text), a contrast whose header stands in
    two of them is kept twice, as within one file: increases and decreases often have one header.

    Parameters
    ----------
    sources : sequence of Source
        At least one.

    Raises
    ------
    DataError
        If a contrast is in two datasets of another format.
    """
    from nimare_pipeline.io import sleuth

    dataset = sources[0].dataset
    problems: list[Problem] = []
    for number, source in enumerate(sources[1:], start=1):
        other = source.dataset
        if source.format == sleuth.NAME:
            names = _new_names(dataset, other)
            taken = set(dataset.ids)
            both = [name for name in names if name in taken]
            earlier = listed([one.files[0] for one in sources[:number]], 3)
            problems += _said(dataset, other, both, source.files[0], earlier)
            tables = other.tables.renamed(names)
            other = other.from_tables(tables, other.mask, other.space)
        dataset = dataset.merge(other)
    return dataset, tuple(problems)


def _new_names(first: "Dataset", other: "Dataset") -> dict[str, tuple[str, str]]:
    """Study and contrast id that a contrast gets, by the id that it cannot keep."""
    taken, studies = set(first.ids), set(first.metadata["study_id"])
    unknown = sum(name.startswith(f"{UNKNOWN_STUDY}_") for name in studies)
    names: dict[str, tuple[str, str]] = {}
    columns = (other.metadata[name] for name in ("id", "study_id", "contrast_id"))
    for name, study, contrast in zip(*columns, strict=True):
        if study.startswith(f"{UNKNOWN_STUDY}_"):
            # Studies without a name have their number in the file; it is no name in another.
            n = unknown + int(study.rpartition("_")[2])
            new = f"{UNKNOWN_STUDY}_{n}", contrast
        else:
            new = study, _free(study, contrast, taken)
        taken.add("-".join(new))
        if new != (study, contrast):
            names[name] = new
    return names


def _free(study: str, contrast: str, taken: set[str]) -> str:
    name, n = contrast, 1
    while f"{study}-{name}" in taken:
        n += 1
        name = f"{contrast}_{n}"
    return name


def _said(
    first: "Dataset", other: "Dataset", both: Sequence[str], file: str, earlier: str
) -> list[Problem]:
    """Warn of contrasts in two files; most of all where their foci are the same, too."""
    known = [name for name in both if not name.startswith(f"{UNKNOWN_STUDY}_")]
    here, there = _foci(first, known), _foci(other, known)
    again = [name for name in known if here.get(name) == there.get(name)]
    others = [name for name in known if here.get(name) != there.get(name)]
    problems = []
    if others:
        message = (
            f"{_stands(others, earlier)}, with other foci: {listed(others, 5)}; "
            "each is kept as a contrast of its own"
        )
        problems.append(Problem("warning", message, file))
    if again:
        message = f"{_stands(again, earlier)}, with the same foci: {listed(again, 5)}"
        advice = "it counts twice: leave one out, by a file or by --select"
        problems.append(Problem("warning", message, file, suggestion=advice))
    return problems


def _stands(names: Sequence[str], earlier: str) -> str:
    many = counted(len(names), "contrast")
    return f"{many} {'stands' if len(names) == 1 else 'stand'} in {earlier} too"


def _foci(dataset: "Dataset", names: Sequence[str]) -> dict[str, list[list[float]]]:
    """Foci of contrasts that have some."""
    table = dataset.coordinates[dataset.coordinates["id"].isin(set(names))]
    grouped = table.groupby("id", sort=False)[["x", "y", "z"]]
    return {str(name): rows.to_numpy().tolist() for name, rows in grouped}
