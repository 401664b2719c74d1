"""What all image-based estimators share: images in, voxels by coverage, maps out.

An estimator says which kinds of images it takes and how it fits voxels that the same contrasts
cover; which contrasts and voxels those are, dependence within studies, p and the facts follow.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_ndtr

from nimare_pipeline import defaults
from nimare_pipeline.bibliography import bibtex
from nimare_pipeline.contrast import counted, is_missing, listed
from nimare_pipeline.dataset import Dataset
from nimare_pipeline.errors import DataError, PipelineError, Problem, UsageError
from nimare_pipeline.images import ImageStack, load_images
from nimare_pipeline.maps import MapSpec, Tail
from nimare_pipeline.meta.estimator import Parametrised, count, expect_type
from nimare_pipeline.meta.ibma.said import (
    coverage,
    dependence,
    heterogeneity,
    spread_of_units,
)
from nimare_pipeline.meta.ibma.sample import Rows, Sample, blocks_of
from nimare_pipeline.meta.participants import participants, people
from nimare_pipeline.moderators import Design
from nimare_pipeline.numerics.coverage import Bag, Pool, bags, pools
from nimare_pipeline.numerics.pvalues import logp_from_logsf
from nimare_pipeline.results import MetaResult
from nimare_pipeline.spaces import analysis_mask
from nimare_pipeline.transform_rules import people_of

_LOGGER = logging.getLogger("nimare_pipeline")

Arrays = Mapping[str, NDArray[Any]]

IMAGES = "images_"
"""Arrays of a result that hold the images it was made from begin with this."""
_TAILED = ("z", "p", "logp", "t", "stat")
"""Statistics of which a tail is asked; the others have none."""
VARIANCES = ("varcope", "se", "sd", "g_var")
"""Kinds of images whose values are above 0."""


class ImageEstimator(Parametrised):
    """Estimator of an effect from statistical images of studies.

    Parameters that all of them take:

    aggressive_mask : bool
        Use voxels that every contrast covers, and no other; by default those that at least
        ``min_studies`` studies cover, each with the contrasts that cover it.
    min_studies : int
        Studies that a voxel needs, at least 2.
    groupby : str, False or array-like, optional
        What makes contrasts dependent, because they share people: the study (None), a column of
        the metadata, nothing (False), or a label for each contrast of the dataset.
    mask : image, path, nilearn masker or BrainMask, optional
        Voxels to analyse, on its own grid; the dataset's mask by default.
    n_cores : int
        Threads; changes the speed, never a bit.
    """

    required: ClassVar[tuple[str, ...]]
    citations: ClassVar[tuple[str, ...]] = ()
    tail: ClassVar[Tail] = "two-sided"
    aggressive_mask: bool
    min_studies: int
    groupby: Any
    mask: Any
    n_cores: int

    def _take(self, parameters: Mapping[str, Any]) -> None:
        """Check and keep what the constructor was given.

        Raises
        ------
        UsageError
            For values out of range.
        """
        if not isinstance(parameters["aggressive_mask"], bool):
            msg = f"aggressive_mask is {parameters['aggressive_mask']!r}; expected true or false"
            raise UsageError(msg)
        whole = {name: count(name, parameters[name]) for name in ("min_studies", "n_cores")}
        if whole["min_studies"] < 2:
            msg = "min_studies is 1; a meta-analysis of a voxel needs at least 2 studies"
            raise UsageError(msg)
        for name, value in {**parameters, **whole}.items():
            setattr(self, name, value)

    def kinds(self) -> tuple[str, ...]:
        """Kinds of images that it takes, as its parameters stand."""
        return self.required

    def needs_sample_sizes(self) -> bool:
        """Whether it needs each contrast's sample size, as its parameters stand."""
        return False

    def without_effect(self) -> tuple[str, ...]:
        """Parameters that change nothing as the others stand."""
        return ("min_studies",) if self.aggressive_mask else ()

    def fit(
        self, dataset: Dataset, *, images: ImageStack | None = None, drop_invalid: bool = True
    ) -> MetaResult:
        """Analyse the images of a dataset.

        Parameters
        ----------
        dataset : Dataset
        images : ImageStack, optional
            Its images, read before over the mask of the analysis.
        drop_invalid : bool
            Leave out contrasts that lack an image or sample size that is needed, and log which;
            otherwise refuse them.

        Returns
        -------
        MetaResult
            Maps ``z``, ``p``, ``logp`` (uncorrected), ``n`` (studies at each voxel), and those of
            the estimator. Voxels that too few studies cover are NaN.

        Raises
        ------
        UsageError
            If it is no Dataset.
        DataError
            If fewer than two studies have what is needed, images cannot be read, or no voxel is
            covered by enough of them.
        """
        expect_type("fit", dataset, Dataset)
        if self.mask is not None:
            mask, _ = analysis_mask(self.mask)
            dataset = Dataset.from_tables(dataset.tables, mask, dataset.space)
        if images is None:
            images, problems = load_images(dataset, self.kinds())
            _refuse(problems)
        sample = self.sample(dataset, images, drop_invalid=drop_invalid)
        dataset = dataset.slice(sample.ids)
        try:
            fitted = self._fitted(sample, self.bags(sample))
        except ValueError as error:
            if isinstance(error, PipelineError):
                raise
            # What the numbers themselves forbid, for example moderators within a study.
            msg = f"{type(self).__name__} cannot be fitted: {error}"
            raise DataError(msg) from error
        maps = self._maps(fitted, dataset.mask.n_voxels)
        return MetaResult(
            estimator=self.component(),
            mask=dataset.mask,
            maps={spec.name: values for spec, values in maps.items()},
            specs={spec.name: spec for spec in maps},
            arrays={
                **{f"{IMAGES}{kind}": values for kind, values in sample.images.items()},
                "groups": sample.groups,
                "sample_sizes": sample.sample_sizes,
                "effective_sizes": sample.effective_sizes,
                "dofs": sample.dofs,
                **({} if sample.design is None else {"design": sample.design.matrix}),
            },
            facts={**self._common_facts(dataset, sample, maps), **self.facts(sample)},
            ids=sample.ids,
            description_=self.description(sample),
            bibtex_=bibtex(self.citations),
        )

    def sample(self, dataset: Dataset, images: ImageStack, *, drop_invalid: bool = True) -> Sample:
        """Contrasts of a dataset that have what the estimator needs.

        Raises
        ------
        DataError
            If they are of fewer than two studies, or one lacks something and none may be dropped.
        """
        kinds = self.kinds()
        sizes = dict(zip(dataset.ids, people(dataset), strict=True))
        have = np.all([images.has(kind) for kind in kinds], axis=0).tolist()
        lacking = {
            name: f"no {' or '.join(kinds)} image"
            for name, has_all in zip(images.ids, have, strict=True)
            if not has_all
        }
        if self.needs_sample_sizes():
            lacking |= {
                name: "no sample size"
                for name in images.ids
                if name not in lacking and np.isnan(sizes[name])
            }
        if lacking and not drop_invalid:
            problems = [Problem("error", why, where=name) for name, why in lacking.items()]
            msg = f"{type(self).__name__} needs {' and '.join(kinds)} images of every contrast"
            raise DataError(msg, problems)
        if lacking:
            _LOGGER.info("left out of %s: %s", type(self).__name__, listed(list(lacking)))
        ids = tuple(name for name in images.ids if name not in lacking)
        labels = dict(zip(dataset.ids, self._labels(dataset), strict=True))
        _, groups = np.unique([labels[name] for name in ids], return_inverse=True)
        n_groups = len(set(groups.tolist()))
        if n_groups < 2:
            which = listed([f"{name}: {why}" for name, why in lacking.items()], 5)
            msg = (
                f"{type(self).__name__} needs {' and '.join(kinds)} images of at least 2 studies; "
                f"there is {'one' if n_groups else 'none'}" + (f" ({which})" if which else "")
            )
            raise DataError(msg)
        used = images.only(ids)
        values = {kind: _positive(used, kind) for kind in kinds}
        present = np.logical_and.reduce([np.isfinite(one) for one in values.values()])
        known = people_of(dataset)
        return Sample(
            ids,
            values,
            present,
            groups.astype(np.int64),
            sample_sizes=np.array([sizes[name] for name in ids], dtype=float),
            effective_sizes=np.array([known[name].n for name in ids], dtype=float),
            dofs=np.array([known[name].dof for name in ids], dtype=float),
            design=self.design(dataset.slice(ids)),
        )

    def design(self, dataset: Dataset) -> Design | None:
        """Moderators of the contrasts of a dataset; None of an estimator that takes none."""
        del dataset
        return None

    def covers(self, sample: Sample, bag: Bag) -> bool:
        """Whether contrasts are of enough studies for a fit."""
        if self.aggressive_mask:
            return len(bag.rows) == len(sample.ids)
        studies = np.unique(sample.groups[bag.rows]) if sample.dependent else bag.rows
        return len(studies) >= self.min_studies

    def bags(self, sample: Sample) -> list[Bag]:
        """Voxels that enough studies cover, by the contrasts that cover them.

        Raises
        ------
        DataError
            If there is no such voxel.
        """
        kept = [bag for bag in bags(sample.present) if self.covers(sample, bag)]
        if not kept:
            studies = f"at least {self.min_studies} studies"
            wanted = f"all {len(sample.ids)} contrasts" if self.aggressive_mask else studies
            msg = f"no voxel of the mask is covered by {wanted}"
            raise DataError(msg)
        return kept

    def _fitted(self, sample: Sample, found: list[Bag]) -> dict[MapSpec, NDArray[np.float64]]:
        """Maps over the mask of what ``fit_rows`` gives; NaN where nothing is fitted."""
        n_voxels = sample.present.shape[1]
        maps: dict[MapSpec, NDArray[np.float64]] = {}
        for voxels, _, rows in self.pooled(sample, found):
            values = self.fit_rows(rows)
            values["n"] = np.full(len(voxels), float(rows.groups.max() + 1))
            for name, here in values.items():
                spec = name if isinstance(name, MapSpec) else self.spec(name)
                if spec not in maps:
                    maps[spec] = np.full(n_voxels, np.nan)
                maps[spec][voxels] = here
        return maps

    def alike(self, sample: Sample) -> NDArray[np.int64]:
        """Number of each contrast; those of the same number differ by their images only.

        One fit does then for the voxels of all sets of contrasts with the same numbers. An
        estimator that says nothing has every set fitted alone.
        """
        return np.arange(len(sample.ids))

    def pooled(
        self, sample: Sample, found: list[Bag]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], Rows]]:
        """Voxels of bags in blocks, with the contrast of each value, and the values.

        Yields
        ------
        voxels : (n_voxels,) array
        contrasts : (n_rows, n_voxels) array
            Contrast whose value it is, by its place in the sample.
        rows : Rows
        """
        for pool in pools(found, self.alike(sample), sample.groups):
            state = self.begin(sample, Bag(pool.rows[:, 0], pool.voxels))
            yield from blocks_of(sample, pool, state)

    def blocks(self, sample: Sample, bag: Bag) -> Iterator[tuple[NDArray[np.int64], Rows]]:
        """Voxels of a bag in blocks, with their values; rows stand in the order of the bag."""
        state = self.begin(sample, bag)
        _, groups = np.unique(sample.groups[bag.rows], return_inverse=True)
        alone = Pool(
            bag.rows[:, None], groups.astype(np.int64), bag.voxels, np.zeros_like(bag.voxels)
        )
        for voxels, _, rows in blocks_of(sample, alone, state):
            yield voxels, rows

    def begin(self, sample: Sample, bag: Bag) -> Any:
        """Find out what the fit of the contrasts of a bag needs beside their values."""
        del sample, bag

    def fit_rows(self, rows: Rows) -> dict[Any, NDArray[np.float64]]:
        """Fit voxels.

        Returns
        -------
        dict of str or MapSpec to (n_voxels,) array
            Name of a statistic, or meaning of a map, to its values; ``z`` among them.
        """
        raise NotImplementedError

    def z_rows(self, rows: Rows, group: str | None = None) -> NDArray[np.float64]:
        """Z of the result at voxels, and nothing else that a fit gives.

        Parameters
        ----------
        rows : Rows
        group : str, optional
            Term that is the result.
        """
        found = self.fit_rows(rows)
        return found[self.spec("z", group)] if self.spec("z", group) in found else found["z"]

    def spec(self, statistic: str, group: str | None = None) -> MapSpec:
        """Meaning of one of its maps."""
        return MapSpec(
            statistic, tail=self.tail if statistic in _TAILED else "positive", group=group
        )

    def _maps(
        self, fitted: Mapping[MapSpec, NDArray[np.float64]], n_voxels: int
    ) -> dict[MapSpec, NDArray[np.float64]]:
        """Add p and log p to every z, and zeros to the number of studies outside coverage."""
        maps: dict[MapSpec, NDArray[np.float64]] = {}
        for spec, values in fitted.items():
            maps[spec] = values
            if spec.statistic == "z":
                logsf = self.logsf(values)
                maps[replace(spec, statistic="p")] = np.exp(logsf)
                maps[replace(spec, statistic="logp")] = logp_from_logsf(logsf)
        covered = maps[self.spec("n")]
        maps[self.spec("n")] = np.where(np.isnan(covered), 0.0, covered)
        return maps

    def logsf(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Natural log of p of a z, in the tail of the estimator."""
        if self.tail == "two-sided":
            return np.minimum(np.log(2) + log_ndtr(-np.abs(z)), 0.0)
        return np.asarray(log_ndtr(-z))

    def _labels(self, dataset: Dataset) -> list[str]:
        """Name, for each contrast of a dataset, of what makes it dependent on others."""
        if self.groupby is None:
            return [str(one) for one in dataset.metadata["study_id"]]
        if self.groupby is False:
            return dataset.ids.tolist()
        if isinstance(self.groupby, str):
            if self.groupby not in dataset.metadata:
                msg = (
                    f"groupby {self.groupby!r} is no column of the metadata; there are: "
                    f"{', '.join(map(str, dataset.metadata.columns))}"
                )
                raise UsageError(msg)
            values = dataset.metadata[self.groupby].tolist()
            # A contrast that says nothing shares its people with nobody.
            return [
                f"{name} alone" if is_missing(value) else str(value)
                for name, value in zip(dataset.ids, values, strict=True)
            ]
        return _given(self.groupby, len(dataset.ids))

    def _common_facts(
        self, dataset: Dataset, sample: Sample, maps: Mapping[MapSpec, NDArray[np.float64]]
    ) -> dict[str, Any]:
        n = maps[self.spec("n")]
        analysed = n[n > 0]
        return {
            "estimator": asdict(self.component()),
            "n_studies": len(set(dataset.metadata["study_id"])),
            "n_contrasts": len(sample.ids),
            "n_groups": len(set(sample.groups.tolist())),
            **participants(dataset),
            "n_voxels": dataset.mask.n_voxels,
            "n_voxels_analysed": len(analysed),
            "fewest_studies": int(analysed.min()),
            "most_studies": int(analysed.max()),
            "voxel_size_mm": list(dataset.mask.zooms),
            "connectivity": defaults.CONNECTIVITY,
            "image_kinds": list(self.kinds()),
            "coverage": "aggressive" if self.aggressive_mask else "liberal",
            "min_studies": self.min_studies,
            "tail": self.tail,
            **dependence(sample),
            **coverage(n, sample),
            **heterogeneity({spec.statistic: found for spec, found in maps.items()}),
            **spread_of_units(sample),
        }

    def montecarlo_plan(self, result: MetaResult, choices: Any) -> Any:
        """Refuse: what is not affine in the signs is not corrected by flipping them.

        Raises
        ------
        UsageError
            With the corrections there are.
        """
        del result, choices
        raise no_flips(type(self).__name__, "its statistic would be iterated at every flip")

    def facts(self, sample: Sample) -> dict[str, Any]:
        """Numbers of this estimator that sidecars, methods text and report quote."""
        del sample
        return {}

    def description(self, sample: Sample) -> str:
        """One sentence on what was done, with citations."""
        raise NotImplementedError


def no_flips(name: str, why: str) -> UsageError:
    """Error that says why an estimator is not corrected by flips of signs, and what there is."""
    return UsageError(
        f"{name} is not corrected by flips of signs: {why}; take FDRCorrector, or FWECorrector "
        "with method bonferroni or holm"
    )


def amounts(sample: Sample) -> str:
    """Contrasts and studies in words, for descriptions."""
    n_groups = len(set(sample.groups.tolist()))
    contrasts = counted(len(sample.ids), "contrast")
    return f"{contrasts} of {counted(n_groups, 'study', 'studies')}"


def cited(keys: Iterable[str]) -> str:
    r"""Citation of papers, as LaTeX has it."""
    return rf"\citep{{{','.join(keys)}}}"


def _given(labels: ArrayLike, n: int) -> list[str]:
    given = [str(one) for one in np.ravel(np.asarray(labels, dtype=object))]
    if len(given) != n:
        msg = f"groupby gives {len(given)} labels for {n} contrasts"
        raise UsageError(msg)
    return given


def _positive(images: ImageStack, kind: str) -> NDArray[np.float32]:
    """Values of a kind; a variance that is not above 0 is none, and that is said."""
    values = images.values[kind]
    if kind not in VARIANCES:
        return values
    wrong = values <= 0
    if not wrong.any():
        return values
    for row in np.flatnonzero(wrong.any(axis=1)).tolist():
        n = counted(int(wrong[row].sum()), "value")
        _LOGGER.warning("%s of %s: %s not above 0 left out", kind, images.ids[row], n)
    return np.where(wrong, np.float32(np.nan), values)


def _refuse(problems: list[Problem]) -> None:
    """Raise for images that cannot be read; log what else is odd about them."""
    if any(problem.level == "error" for problem in problems):
        msg = "images cannot be read"
        raise DataError(msg, problems)
    for problem in problems:
        _LOGGER.warning("%s", problem)
