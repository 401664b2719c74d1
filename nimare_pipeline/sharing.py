"""Results in the forms in which the field shares them: a NIMADS studyset, a NeuroVault collection.

Everything is read from the folder of derivatives; nothing is computed.
"""

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import nimare_pipeline
from nimare_pipeline import bibliography, derivatives_reader
from nimare_pipeline.contrast import Contrast, is_missing, listed
from nimare_pipeline.derivative_records import AnalysisRecord
from nimare_pipeline.errors import DataError, NoInputError, OutputError, Problem, UsageError
from nimare_pipeline.io import _nimads_write, nimads
from nimare_pipeline.io.writers import aside, put
from nimare_pipeline.maps import MapSpec
from nimare_pipeline.writing import as_output_error, write_file

FORMS = ("nimads", "neurovault")
STUDYSET = "studyset.json"
IMAGES = "images"
TABLE = "images.tsv"
COLLECTION = "collection.json"
_MARK = ".nimare-pipeline-export"
"""File that says that a folder was written here, and may be replaced."""
_LONGEST_NAME = 200
"""Of an image on NeuroVault."""
_TEMPLATE = "GenericMNI"
_OURS = ("tpl-", "figures/", "sourcedata/", "logs/")
"""Where files of results are; problems of other files were found in the data, by the run."""
_MAP_TYPES = {"z": "Z", "p": "P"}
"""Codes that NeuroVault has for types of maps; all others are ``Other``."""
_FACTS = {
    "number_of_studies": "n_studies",
    "number_of_contrasts": "n_contrasts",
    "number_of_foci": "n_foci",
}
_HOW_TO = """\
A collection for NeuroVault (https://neurovault.org): {n} maps.

images.tsv has a row for each map, with the fields that NeuroVault asks for;
each map has the same as JSON beside it. map_type and analysis_level are the
codes of its API: Z, P, Other; M is meta-analysis. Please look through them:
modality is Other unless you know better, and a cognitive paradigm is nothing
that a program can know.

By hand: make a collection on the site and add the maps with these fields. By
program, with pynv and a token of yours:

    import json, pathlib, pynv
    api = pynv.Client(access_token="...")
    folder = pathlib.Path(".")
    about = json.loads((folder / "collection.json").read_text())
    collection = api.create_collection(about.pop("name"), **about)
    for path in sorted(folder.glob("images/*.json")):
        fields = json.loads(path.read_text())
        image = folder / fields.pop("file")
        api.add_image(collection["id"], str(image), **fields)

The meta-analysis is described in collection.json.
"""


@dataclass(frozen=True)
class Shared:
    """What was written.

    Parameters
    ----------
    path : Path
        The folder.
    analyses : tuple of str
    n_maps, n_peaks : int
    problems : tuple of Problem
        What was wrong with the results, such as a file that is missing.
    """

    path: Path
    analyses: tuple[str, ...]
    n_maps: int
    n_peaks: int
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class _Map:
    """One map to share, and what its sidecar says."""

    path: Path
    spec: MapSpec
    thresholded: bool
    sidecar: dict[str, Any]


def share(
    output_dir: str | Path,
    target: str | Path,
    to: str,
    *,
    analyses: Sequence[str] | None = None,
    overwrite: bool = False,
) -> Shared:
    """Write results as a folder to share.

    Parameters
    ----------
    output_dir : path
        Folder of derivatives.
    target : path
        New or empty folder.
    to : str
        ``nimads``: one study, whose analyses are those of the run, with peaks of clusters as
        points and maps as images. ``neurovault``: maps, and the fields that NeuroVault asks for.
    analyses : sequence of str, optional
        Names of some; all by default.
    overwrite : bool
        Replace a folder that was written here before.

    Raises
    ------
    NoInputError
        If there are no results.
    UsageError
        For an unknown form, or an analysis that is not there.
    DataError
        If none of the analyses has maps.
    OutputError
        If the folder holds something else, or cannot be written.
    """
    if to not in FORMS:
        msg = f"results are shared as {' or '.join(FORMS)}, not as {to!r}"
        raise UsageError(msg)
    target = Path(target)
    read = derivatives_reader.read(output_dir)
    records = _chosen(read.analyses, analyses, Path(output_dir))
    _refuse_taken(target, overwrite=overwrite)
    maps = {record.name: list(_maps(record)) for record in records}
    if not any(maps.values()):
        msg = f"no maps in the results of {listed(list(maps))}"
        raise DataError(msg, [problem for one in records for problem in one.problems])
    name = str(read.description.get("Name") or Path(output_dir).resolve().name)
    with aside(target) as folder:
        made = folder / target.name
        (made / IMAGES).mkdir(parents=True)
        for one in (one for found in maps.values() for one in found):
            with as_output_error(f"cannot write {target}"):
                shutil.copyfile(one.path, made / IMAGES / one.path.name)
        n_peaks = sum(len(record.clusters) for record in records)
        writer = _write_nimads if to == "nimads" else _write_neurovault
        writer(made, name, records, maps)
        write_file(made / _MARK, f"{to}\n".encode())
        put(made, target)
    return Shared(
        target,
        tuple(maps),
        sum(map(len, maps.values())),
        n_peaks if to == "nimads" else 0,
        tuple(p for record in records for p in record.problems if p.file.startswith(_OURS)),
    )


def results_contrast(record: AnalysisRecord, maps: Sequence[_Map], study: str) -> Contrast:
    """Analysis as a contrast: peaks of its clusters as foci, and its maps."""
    table = record.clusters
    xyz = table[["x", "y", "z"]].to_numpy(dtype=float) if len(table) else np.zeros((0, 3))
    columns = [str(name) for name in table.columns if name not in ("x", "y", "z")]
    values = {name: tuple(_plain(value) for value in table[name].tolist()) for name in columns}
    facts = record.facts
    return Contrast(
        study_id=study,
        contrast_id=record.name,
        xyz=xyz,
        spaces=("MNI",) * len(xyz),
        metadata={
            "contrast_name": record.name,
            "description": _description(record),
            **{name: facts.get(fact) for name, fact in _FACTS.items()},
            "number_of_participants": facts.get("n_participants"),
            "estimator": record.analysis.get("estimator") or facts.get("estimator"),
            "corrector": record.analysis.get("corrector") or facts.get("corrector"),
            "software": f"nimare-pipeline {record.record.get('SoftwareVersion', '')}".strip(),
        },
        images={
            "space": "MNI",
            **{_value_type(one): f"{IMAGES}/{one.path.name}" for one in maps},
        },
        values={
            name: column for name, column in values.items() if not all(map(is_missing, column))
        },
    )


def neurovault_fields(record: AnalysisRecord, one: _Map) -> dict[str, Any]:
    """Fields that NeuroVault asks of a map, and what else is known."""
    facts = record.facts
    about = str(one.sidecar.get("Description") or one.spec.name)
    return {
        "file": f"{IMAGES}/{one.path.name}",
        "name": f"{record.name}: {about}"[:_LONGEST_NAME],
        "description": about,
        "map_type": _MAP_TYPES.get(one.spec.statistic, "Other"),
        "modality": "Other",
        "analysis_level": "M",
        "target_template_image": _TEMPLATE,
        "is_thresholded": one.thresholded,
        "number_of_subjects": _whole(facts.get("n_participants")),
        **{name: facts.get(fact) for name, fact in _FACTS.items()},
        "estimator": _type(facts.get("estimator") or record.analysis.get("estimator")),
        "correction": one.spec.desc,
        "tail": one.spec.tail,
        "software": f"nimare-pipeline {nimare_pipeline.__version__}",
    }


def _chosen(
    found: Sequence[AnalysisRecord], wanted: Sequence[str] | None, folder: Path
) -> list[AnalysisRecord]:
    if not found:
        msg = f"no results of an analysis in {folder}; give the OUT_DIR of a run"
        raise NoInputError(msg)
    names = [record.name for record in found]
    unknown = [name for name in wanted or () if name not in names]
    if unknown:
        msg = f"no analysis {unknown[0]!r} in {folder}; there are: {listed(names)}"
        raise UsageError(msg)
    return [record for record in found if wanted is None or record.name in wanted]


def _refuse_taken(target: Path, *, overwrite: bool) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not (target / _MARK).is_file():
        msg = f"{target} holds what was not written here; give a new or an empty folder"
        raise OutputError(msg)
    if not overwrite:
        msg = f"{target} is there already; --overwrite replaces it"
        raise OutputError(msg)


def _maps(record: AnalysisRecord) -> Iterable[_Map]:
    """Maps of an analysis that are there, uncorrected z first."""
    order = sorted(
        record.maps, key=lambda s: (s.correction is not None, s.statistic != "z", s.name)
    )
    found = [(record.maps[spec], spec, False) for spec in order]
    if record.result_map is not None:
        found.append((record.result_map, replace(record.result_spec, statistic="z"), True))
    for path, spec, thresholded in found:
        sidecar = path.with_name(path.name.replace(".nii.gz", ".json"))
        yield _Map(path, spec, thresholded, _json(sidecar))


def _value_type(one: _Map) -> str:
    """Type of an image: plain for the uncorrected map, else the map's whole name."""
    return f"{one.spec.name}_thresholded" if one.thresholded else one.spec.name


def _write_nimads(
    folder: Path,
    name: str,
    records: Sequence[AnalysisRecord],
    maps: dict[str, list[_Map]],
) -> None:
    found = [results_contrast(record, maps[record.name], name) for record in records]
    path = folder / STUDYSET
    try:
        _nimads_write.write(found, path, name=name)
    except TypeError as error:
        msg = f"cannot write {path}: {error}"
        raise OutputError(msg) from error
    again, _ = nimads.read(path)
    if [one.xyz.tobytes() for one in again] != [one.xyz.tobytes() for one in found]:
        msg = "the peaks that were written are not those of the results; please report this"
        raise OutputError(msg)


def _write_neurovault(
    folder: Path,
    name: str,
    records: Sequence[AnalysisRecord],
    maps: dict[str, list[_Map]],
) -> None:
    rows = [neurovault_fields(record, one) for record in records for one in maps[record.name]]
    seen: dict[str, int] = {}
    for row in rows:  # names are unique in a collection
        seen[row["name"]] = n = seen.get(row["name"], 0) + 1
        if n > 1:
            row["name"] = f"{row['name'][: _LONGEST_NAME - 6]} ({n})"
        known = {field: value for field, value in row.items() if value is not None}
        sidecar = Path(row["file"]).name.replace(".nii.gz", ".json")
        write_file(folder / IMAGES / sidecar, _bytes(known))
    table = pd.DataFrame(rows)
    table["is_thresholded"] = table["is_thresholded"].map({True: "true", False: "false"})
    text = table.to_csv(sep="\t", index=False, na_rep="n/a", lineterminator="\n")
    write_file(folder / TABLE, text.encode())
    texts = {record.name: _description(record) for record in records}
    described = [f"{analysis}: {words}" for analysis, words in texts.items() if words]
    about = {"name": name, "description": "\n\n".join(described)}
    write_file(folder / COLLECTION, _bytes(about))
    write_file(folder / "README.txt", _HOW_TO.format(n=len(rows)).encode())


def _description(record: AnalysisRecord) -> str | None:
    """What was done; the BibTeX that its keys are of stays behind, so authors stand for them."""
    text = record.record.get("Description")
    return bibliography.with_labels(str(text)) if text else None


def _bytes(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode(errors="replace")


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _plain(value: Any) -> Any:
    if value is pd.NA or is_missing(value):
        return None
    return value.item() if isinstance(value, np.generic) else value


def _whole(value: Any) -> int | None:
    known = isinstance(value, int | float) and not is_missing(value)
    return round(value) if known else None


def _type(value: Any) -> str | None:
    return value.get("type") if isinstance(value, dict) else None
