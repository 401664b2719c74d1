"""Names of the derivatives: a map's meaning to a BIDS path and back, by one pybids config."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from nimare_pipeline import defaults
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.errors import OutputError, UsageError
from nimare_pipeline.maps import MapSpec, Tail

CONFIG_FILE = Path(str(files("nimare_pipeline.data"))) / "pybids_config.json"
"""Configuration for ``bids.BIDSLayout(output_dir, config=[CONFIG_FILE])``."""

THRESHOLDED = "Thresholded"
"""Ends the ``desc`` of the result map: uncorrected z inside the significant clusters, else 0."""

_UNCORRECTED = "uncorrected"
_LABEL = re.compile(r"[a-zA-Z0-9+]+")
_DESC = re.compile(r"(voxel|cluster|tfce)(Size|Mass)?(FWE|FDR)([A-Z]\w*)?")
_OWN_STATISTIC = {"ALE": "ale", "SCALE": "ale", "MKDADensity": "density", "KDA": "of"}
_OWN_STATISTIC |= {"ALESubtraction": "ale", "BalancedALESubtraction": "ale"}
_OWN_STATISTIC[defaults.CONJUNCTION] = "minimum"
_STATISTIC_LABELS = {"est": "effect", "estLower": "effectLower", "estUpper": "effectUpper"}
"""Statistics of which BIDS folders of other programs have another word."""
_KINDS = {"beta": "effect", "varcope": "variance", "g_var": "gvar"}
"""Kinds of images whose name in ``stat-`` is another."""
_GROUP_LABELS = {"AgF_prior": "AgFPrior", "FgA_prior": "FgAPrior"}
"""Groups of maps whose names are no labels."""
_TAILS: dict[Tail, str] = {"positive": "positive", "negative": "negative", "two-sided": "twoSided"}


@dataclass(frozen=True)
class Place:
    """Whose files: the entities that all files of one analysis share.

    Parameters
    ----------
    cohort : str
        Name of the analysis.
    model : str
        Class name of the estimator.
    template, resolution : str
        Space and grid of the maps.
    """

    cohort: str
    model: str
    template: str
    resolution: str

    def statmap(self, spec: MapSpec, *, with_tail: bool = False) -> str:
        """Path of a map; a positive tail is named only where ``with_tail`` says so."""
        return self._build(
            "statmap",
            ".nii.gz",
            resolution=self.resolution,
            model=self.model,
            contrast=_group_label(spec.group),
            stat=statistic_label(spec.statistic, self.model),
            tail=_tail_label(spec.tail, named=with_tail),
            desc=spec.desc,
        )

    def study_map(self, study: str, contrast: str, kind: str) -> str:
        """Path of an image of one contrast that was made for the analysis."""
        return self._build(
            "statmap",
            ".nii.gz",
            resolution=self.resolution,
            model=self.model,
            study=study,
            contrast=contrast,
            stat=_KINDS.get(kind, kind),
        )

    def result_map(self, desc: str, *, group: str | None = None, tail: Tail = "positive") -> str:
        """Path of the map of uncorrected z inside the clusters called ``desc``, of a group."""
        return self._build(
            "statmap",
            ".nii.gz",
            resolution=self.resolution,
            model=self.model,
            contrast=_group_label(group),
            stat="z",
            tail=_tail_label(tail),
            desc=f"{desc}{THRESHOLDED}",
        )

    def dseg(self, desc: str, *, group: str | None = None) -> str:
        """Path of the label image of the clusters called ``desc``, of a group."""
        return self._build(
            "dseg",
            ".nii.gz",
            model=self.model,
            contrast=_group_label(group),
            resolution=self.resolution,
            desc=desc,
        )

    def table(self, suffix: str, desc: str | None = None, *, group: str | None = None) -> str:
        """Path of a table; those of the estimator have a ``desc``."""
        extension = ".tsv.gz" if suffix == "nulldist" else ".tsv"
        return self._build(
            suffix,
            extension,
            model=self.model if desc else None,
            contrast=_group_label(group),
            desc=desc,
        )

    def analysis(self) -> str:
        """Path of the file that says what was done, and with which numbers."""
        return self._build("analysis", ".json")

    def mask(self, *, own: bool) -> str:
        """Path of the mask: the template's, or the analysis' own."""
        return self._build(
            "mask",
            ".nii.gz",
            cohort=self.cohort if own else None,
            resolution=self.resolution,
            label="brain",
        )

    def region(self) -> str:
        """Path of the region that the contrasts of a coactivation model were chosen by."""
        return self._build("mask", ".nii.gz", resolution=self.resolution, label="seed")

    def figure(self, key: str, extension: str = ".svg") -> str:
        """Path of a figure; ``key`` is in snake_case."""
        return self._build(
            "figure", extension, model=self.model, desc=camel(key), datatype="figures"
        )

    def snapshot(self, extension: str = ".json") -> str:
        """Path of the dataset that was analysed; of a database it ends in ``.npz``."""
        entities = {"datatype": "sourcedata", "cohort": self.cohort}
        return bids_path({**entities, "suffix": "dataset", "extension": extension})

    def null_foci(self) -> str:
        """Path of the pool of foci that the null of SCALE was drawn from."""
        entities = {"datatype": "sourcedata", "cohort": self.cohort, "desc": "nullFoci"}
        return bids_path({**entities, "suffix": "coordinates", "extension": ".tsv.gz"})

    def folder(self) -> str:
        """Folder of the analysis."""
        return PurePosixPath(self.analysis()).parent.as_posix()

    def _build(self, suffix: str, extension: str, **entities: str | None) -> str:
        common = {"template": self.template, "cohort": self.cohort}
        named = {**common, **entities, "suffix": suffix, "extension": extension}
        return bids_path({name: value for name, value in named.items() if value is not None})


def bids_path(entities: Mapping[str, str]) -> str:
    """Build the path of a file from its entities, relative to the output folder.

    pybids drops entities that a pattern does not hold, so that different files get one name. Here
    the path is read back, and must give the same entities.

    Raises
    ------
    UsageError
        If an entity has a label that BIDS does not allow, or no pattern holds these entities.
    """
    from bids.layout.writing import build_path

    for name, value in entities.items():
        if name != "extension" and not _LABEL.fullmatch(value):
            msg = f"{value!r} cannot be the {name} in a file name: letters, digits and + only"
            raise UsageError(msg)
    path = build_path(dict(entities), _patterns(), strict=True)
    if path is None or parse_path(path) != dict(entities):
        listed = ", ".join(f"{name}={value}" for name, value in entities.items())
        msg = f"no file of this kind has a BIDS name: {listed}"
        raise UsageError(msg)
    return str(path)


def parse_path(path: str | PurePath) -> dict[str, str]:
    """Read the entities in a path relative to the output folder."""
    from bids.layout import parse_file_entities

    name = path if isinstance(path, str) else path.as_posix()
    entities = parse_file_entities(f"/{name}", config=_config())
    return {name: str(value) for name, value in entities.items()}


def paper_figure(source: str, view: str, extension: str) -> str:
    """Build the path of a figure for a paper.

    Parameters
    ----------
    source : str
        Path of the map that it shows, uncorrected or thresholded; relative to the output folder.
    view : str
        ``mosaic`` or ``glass``.
    extension : str
        ``.svg``, ``.png``, or ``.json`` for what is said about both.
    """
    shown = parse_path(source)
    desc = f"{shown.get('desc', _UNCORRECTED)}{view.capitalize()}"
    return bids_path({**shown, "datatype": "figures", "desc": desc, "extension": extension})


def paper_figure_key(entities: Mapping[str, str]) -> str | None:
    """Key of a figure for a paper, as ``result_mosaic.svg`` or ``z_glass.png``; None of others."""
    words = re.fullmatch(r"(\w+?)(Mosaic|Glass)", entities.get("desc", ""))
    if (entities.get("datatype"), entities.get("suffix")) != ("figures", "statmap") or not words:
        return None
    shown = "result" if words[1].endswith(THRESHOLDED) else entities.get("stat", "")
    return f"{shown}_{words[2].lower()}{entities['extension']}"


def page(table: str) -> str:
    """Build the path of a table's page to paste from, which lies beside it."""
    return bids_path({**parse_path(table), "extension": ".html"})


def map_paths(place: Place, specs: Iterable[MapSpec]) -> dict[MapSpec, str]:
    """Build the paths of all maps of an analysis.

    Raises
    ------
    OutputError
        If two maps would share a path.
    """
    specs = tuple(specs)
    # A tail that is not said is the positive one; it is said where another map differs by it.
    tails = Counter(replace(spec, tail="positive") for spec in set(specs))
    paths: dict[MapSpec, str] = {}
    for spec in specs:
        with_tail = tails[replace(spec, tail="positive")] > 1
        path = place.statmap(spec, with_tail=with_tail)
        for other, taken in paths.items():
            if taken.casefold() == path.casefold():
                msg = f"{path}: this name would hold two maps, {other} and {spec}"
                raise OutputError(msg)
        paths[spec] = path
    return paths


def spec_from_entities(entities: Mapping[str, str]) -> MapSpec:
    """Read the meaning of a map out of its name.

    Raises
    ------
    UsageError
        If the name says something that no map here means.
    """
    stat = entities.get("stat", "")
    own = statistic_label("stat", entities.get("model", ""))
    tails = {label: tail for tail, label in _TAILS.items()}
    said = {name: statistic for statistic, name in _STATISTIC_LABELS.items()}
    spec = MapSpec(
        "stat" if stat == own else said.get(stat, stat),
        tail=tails.get(entities.get("tail", "positive"), "positive"),
        group=_groups().get(entities.get("contrast", ""), entities.get("contrast")),
        **_from_desc(entities.get("desc")),
    )
    if spec.desc != entities.get("desc"):
        msg = f"desc-{entities.get('desc')} is not the name of a correction"
        raise UsageError(msg)
    return spec


def _from_desc(desc: str | None) -> dict[str, Any]:
    match = _DESC.fullmatch(desc or "")
    if match is None:
        return {}
    level, measure, correction, method = match.groups()
    return {
        # Only Monte Carlo corrects at several levels, and says at which.
        "level": None if method and not measure else level,
        "measure": measure.lower() if measure else None,
        "correction": correction,
        "method": method.lower() if method else "montecarlo",
    }


def statistic_label(statistic: str, model: str) -> str:
    """Name the statistic in ``stat-``: z, p and logp as they are, ``stat`` by the estimator."""
    if statistic == "stat":
        return _OWN_STATISTIC.get(model, "stat")
    return _STATISTIC_LABELS.get(statistic, statistic)


def _tail_label(tail: Tail, *, named: bool = False) -> str | None:
    return _TAILS[tail] if named or tail != "positive" else None


def _group_label(group: str | None) -> str | None:
    return None if group is None else _GROUP_LABELS.get(group, group)


def _groups() -> dict[str, str]:
    return {label: group for group, label in _GROUP_LABELS.items()}


def template_label(target: str) -> str:
    """Name the template (``tpl-``) of a target space such as ``mni152_2mm``.

    Raises
    ------
    UsageError
        For a space that is not of the MNI152 family.
    """
    if target.startswith("mni152"):
        return defaults.TEMPLATE
    msg = f"unknown space {target!r}; known: {defaults.TARGET_SPACE}"
    raise UsageError(msg)


def resolution_label(mask: BrainMask) -> str:
    """Name the grid (``res-``) by its voxel size in mm: ``2``, ``1p5``, ``3x3x4``."""
    sizes = [f"{round(size, 3):g}".replace(".", "p") for size in mask.zooms]
    return sizes[0] if len(set(sizes)) == 1 else "x".join(sizes)


def camel(key: str) -> str:
    """Turn ``null_montecarlo`` into ``nullMontecarlo``; ``snake`` turns it back.

    Raises
    ------
    UsageError
        If it could not be turned back.
    """
    first, *others = key.split("_")
    label = first + "".join(part.capitalize() for part in others)
    if not _LABEL.fullmatch(label) or snake(label) != key:
        msg = f"figure {key!r}: expected small letters, digits and single underscores"
        raise UsageError(msg)
    return label


def snake(label: str) -> str:
    """Turn ``nullMontecarlo`` into ``null_montecarlo``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", label).lower()


@cache
def _patterns() -> list[str]:
    patterns: list[str] = json.loads(CONFIG_FILE.read_text())["default_path_patterns"]
    return patterns


@cache
def _config() -> Any:
    from bids.layout import Config

    return Config.load(str(CONFIG_FILE))
