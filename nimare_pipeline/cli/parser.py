"""The command line as records: ``argv`` becomes one frozen ``Request``."""

import argparse
from collections.abc import Sequence
from typing import Any

from nimare_pipeline import defaults
from nimare_pipeline.cli import values
from nimare_pipeline.cli.exit_codes import UnknownLevelError
from nimare_pipeline.cli.image_options import chosen as image_options
from nimare_pipeline.cli.image_options import foci_from_images, refuse_without_images
from nimare_pipeline.cli.images import corrector_of
from nimare_pipeline.cli.method_options import METHODS
from nimare_pipeline.cli.options import LEVELS, absolute, build_parser
from nimare_pipeline.cli.request import Request
from nimare_pipeline.errors import UsageError
from nimare_pipeline.needs import NULL_FOCI
from nimare_pipeline.registry import (
    ESTIMATORS,
    IMAGE_ESTIMATORS,
    MONTECARLO_ONLY,
    PAIR_ESTIMATORS,
    POOL_ESTIMATORS,
    VOXELS_ONLY,
    own_keyword,
    permutes,
)
from nimare_pipeline.settings import Analysis, Component, Settings


def parse(argv: Sequence[str], *, run_uuid: str = "") -> Request:
    """Turn the command line's words into a ``Request``.

    Parameters
    ----------
    argv : sequence of str
        Words after the program's name.
    run_uuid : str
        Name of this run.

    Raises
    ------
    UsageError
        For an unknown option or name, or a value out of range; one line that names the option,
        the value and what is accepted.
    UnknownLevelError
        For an unknown analysis level.
    SystemExit
        For ``--help`` and ``--version``.
    """
    parser = build_parser()
    options, unknown = parser.parse_known_args(argv)
    if unknown:
        raise UsageError(_about_unknown(unknown, parser))
    if options.analysis_level not in LEVELS:
        msg = (
            f"unknown analysis level {options.analysis_level!r}; "
            f"this app has one level: {LEVELS[0]} (synonyms: {', '.join(LEVELS[1:])})"
        )
        raise UnknownLevelError(msg)
    given = _named(parser, argv)
    _refuse_two_lengths(options, given)
    return Request(
        settings=_settings(options, argv, run_uuid),
        analysis=_analysis(options, given),
        merge=options.merge,
        strict=options.strict,
        dry_run=options.dry_run,
        reports_only=options.reports_only,
        rerun=options.rerun,
        add_iters=options.add_iters or 0,
        model=options.model,
        only=tuple(options.analysis),
        given=given,
    )


def _refuse_two_lengths(options: argparse.Namespace, given: frozenset[str]) -> None:
    """Refuse ``--add-iters`` with what contradicts it.

    Raises
    ------
    UsageError
        With what to leave out.
    """
    for other in ("n_iters", "rerun"):
        if options.add_iters and other in given:
            name = other.replace("_", "-")
            msg = (
                f"--add-iters extends the analyses in OUT_DIR as they are; it cannot stand with "
                f"--{name}"
            )
            raise UsageError(msg)


def _settings(options: argparse.Namespace, argv: Sequence[str], run_uuid: str) -> Settings:
    output_dir = absolute(options.output_dir)
    return Settings(
        bids_dir=absolute(options.bids_dir),
        output_dir=output_dir,
        work_dir=absolute(options.work_dir or f"{output_dir}/.work"),
        run_uuid=run_uuid,
        mask_file=absolute(options.mask) if options.mask else "",
        image_root=absolute(options.image_root) if options.image_root else "",
        tal2mni=options.tal2mni,
        unknown_space=options.unknown_space or defaults.UNKNOWN_SPACE,
        seed=options.seed,
        n_procs=options.nprocs,
        n_chunks=options.n_chunks,
        plugin=options.use_plugin,
        keep_work=options.keep_work or bool(options.work_dir),
        verbosity=-1 if options.quiet else options.verbose,
        common_range=options.common_range,
        z_max=options.z_max or 0.0,
        command=("nimare-pipeline", *argv),
    )


def _analysis(options: argparse.Namespace, given: frozenset[str]) -> Analysis:
    """Analysis template; keywords that stand at their default are left to the classes."""
    corrector, method = _correction(options, given)
    pair, region = bool(options.group), _region(options)
    name = options.estimator or (defaults.PAIR_ESTIMATOR if pair else defaults.ESTIMATOR)
    _refuse_other_kind(name, pair=pair, inference_mask=options.inference_mask)
    image, of_images = name in IMAGE_ESTIMATORS, image_options(options)
    if not image and (pair or region or "estimator" in given):
        refuse_without_images(of_images, name)
    judged = method == defaults.CORRECTION_METHOD
    clusters = judged and name not in VOXELS_ONLY
    threshold_given = "voxel_thresh" in given and name not in VOXELS_ONLY
    pool = name in POOL_ESTIMATORS
    simulated = options.null_method == "montecarlo"
    permuted = {"n_iters": options.n_iters} if pool or (pair and permutes(name)) else {}
    drawn = {
        "n_iters": options.n_iters,
        "null_outside": _unless(options.null_outside, defaults.NULL_OUTSIDE),
    }
    estimator = {
        "null_method": (
            None if (pair or pool or image) and "null_method" not in given else options.null_method
        ),
        "weighting": options.weighting,
        "inference_field": options.inference_field,
        "fwe_null_method": options.fwe_null,
        "prior": options.prior,
        "kernel__fwhm": options.fwhm,
        "kernel__sample_size": options.sample_size,
        "kernel__r": options.radius,
        "kernel__voxelization": _unless(options.voxelization, defaults.VOXELIZATION),
        **(drawn if simulated else {}),
        "target_n": options.target_n,
        "n_subsamples": options.n_subsamples,
        **permuted,
        **_of_subsets(name, options, given),
    }
    # What is asked for in vain is left in: the class refuses it, and says why.
    correction = {
        "method": method,
        **{
            name: value
            for name, value in drawn.items()
            if judged or (name in given and not simulated and name not in permuted)
        },
        **({"voxel_thresh": options.voxel_thresh} if clusters or threshold_given else {}),
        **({"tfce": True} if options.tfce else {}),
        "tfce_extent": options.tfce_extent,
        "tfce_height": options.tfce_height,
    }
    return Analysis(
        name=options.name or "",
        type="pair" if pair else "macm" if region else "ibma" if image else "cbma",
        estimator=Component(name, _keywords(name, estimator)),
        corrector=corrector_of(Component(corrector, _present(correction)), name, given),
        alpha=options.alpha,
        missing_n=options.missing_n,
        outside=options.outside,
        pool=options.pool,
        result=options.result or "",
        select=options.select,
        options=_present(
            {
                **(_pair_options(options) if pair else region),
                **of_images,
                **foci_from_images(options, name),
                NULL_FOCI: options.null_foci,
            }
        ),
    )


def _of_subsets(name: str, options: argparse.Namespace, given: frozenset[str]) -> dict[str, Any]:
    """Options of the correction that an estimator needs itself, to judge subsets of a group."""
    if name not in MONTECARLO_ONLY:
        return {}
    asked = {option: getattr(options, option) for option in ("voxel_thresh", "alpha")}
    return {
        "null_outside": _unless(options.null_outside, defaults.NULL_OUTSIDE),
        **{option: value for option, value in asked.items() if option in given},
    }


def _keywords(estimator: str, usual: dict[str, Any]) -> dict[str, Any]:
    """Keywords by the names that an estimator has for them."""
    named = {own_keyword(estimator, name): value for name, value in _present(usual).items()}
    return {name: value for name, value in named.items() if name}


def _refuse_other_kind(name: str, *, pair: bool, inference_mask: str) -> None:
    """Refuse an estimator of one group with two, and the other way round.

    Raises
    ------
    UsageError
        With what is accepted.
    """
    if pair and name in {**ESTIMATORS, **POOL_ESTIMATORS}:
        known = ", ".join(PAIR_ESTIMATORS)
        msg = f"{name} analyses one group of contrasts; --group takes an estimator of two: {known}"
        raise UsageError(msg)
    if not pair and name in PAIR_ESTIMATORS:
        msg = f"{name} compares two groups of contrasts; name them by --group NAME=EXPR"
        raise UsageError(msg)
    if not pair and inference_mask:
        msg = "--inference-mask is for the comparison of two groups; name them by --group"
        raise UsageError(msg)


def _region(options: argparse.Namespace) -> dict[str, Any]:
    """Region of a coactivation model; empty for another analysis.

    Raises
    ------
    UsageError
        For a sphere without extent, or two groups, which are not compared in a region.
    """
    region = _present({"roi": options.roi, "sphere": options.sphere})
    if region and options.group:
        msg = f"--{next(iter(region))} chooses one group of contrasts; --group compares two"
        raise UsageError(msg)
    if options.sphere is not None and options.sphere[3] <= 0:
        msg = f"--sphere: the radius is {options.sphere[3]:g}, and must be above 0 mm"
        raise UsageError(msg)
    return region


def _pair_options(options: argparse.Namespace) -> dict[str, Any]:
    """Options of a comparison as an analysis file has them.

    Raises
    ------
    UsageError
        For more than two groups, or two of one name.
    """
    groups = dict(options.group)
    if len(options.group) > 2 or len(groups) != len(options.group):
        names = ", ".join(name for name, _ in options.group)
        msg = f"--group names one or two groups, each once, not: {names}"
        raise UsageError(msg)
    mask = options.inference_mask
    return {"groups": groups, **({"inference_mask": mask} if mask else {})}


def _correction(options: argparse.Namespace, given: frozenset[str]) -> tuple[str, str]:
    """Corrector and method; one of them brings the other with it.

    Raises
    ------
    UsageError
        If both are given and do not belong together.
    """
    by_method = {method: name for name in METHODS for method in METHODS[name]}
    if "method" not in given:
        return options.corrector, METHODS[options.corrector][0]
    corrector = by_method[options.method]
    if "corrector" in given and options.corrector != corrector:
        msg = (
            f"--method {options.method} is one of {corrector}; "
            f"{options.corrector} has {', '.join(METHODS[options.corrector])}"
        )
        raise UsageError(msg)
    return corrector, options.method


def _named(parser: argparse.ArgumentParser, argv: Sequence[str]) -> frozenset[str]:
    """Names of the options that stand on the command line, whatever their values."""
    # A list, because options that may be repeated are added to a copy of what is there.
    absent: list[str] = []
    names = vars(parser.parse_known_args(argv)[0]).keys() - {"verbose", "analysis"}
    probe = argparse.Namespace(**dict.fromkeys(names, absent))
    parser.parse_known_args(argv, namespace=probe)
    return frozenset(name for name in names if getattr(probe, name) is not absent)


def _unless(value: str, default: str) -> str | None:
    return None if value == default else value


def _present(keywords: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in keywords.items() if value is not None}


def _about_unknown(unknown: Sequence[str], parser: argparse.ArgumentParser) -> str:
    word = next((text for text in unknown if text.startswith("-")), unknown[0])
    option = word.partition("=")[0]
    if not option.startswith("-"):
        return f"unexpected argument {option!r}; usage: {parser.usage}"
    near = values.nearest(option, parser._option_string_actions)  # noqa: SLF001 - argparse offers no list
    return f"unknown option {option}; " + (f"did you mean {near}?" if near else "see --help")
