"""Words for a paper, from the numbers of a run: methods, a draft of the results, references.

The sentences stand in ``templates/methods.txt.jinja`` and ``templates/results.txt.jinja``, with
citations as pandoc writes them, ``[@key; @key]``; this module fills them in and turns them into
Markdown, HTML and LaTeX.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from nimare_pipeline import bibliography, defaults, pool_policy
from nimare_pipeline.directions import is_difference, is_of_images
from nimare_pipeline.inference import Inference
from nimare_pipeline.pooling import POOLED_INTO, by_experiment, experiments
from nimare_pipeline.reports import foci_words, group_words, image_texts, references, render
from nimare_pipeline.reports.tables import imputed, truth
from nimare_pipeline.unknown_spaces import UNKNOWN

CONNECTIVITY_WORDS = {
    "faces": "voxels that share a face were neighbours (6-connectivity)",
    "edges": "voxels that share a face or an edge were neighbours (18-connectivity)",
    "vertices": "voxels that share a face, an edge or a vertex were neighbours (26-connectivity)",
}
FACTS = (
    "n_studies",
    "n_contrasts",
    "n_participants",
    "n_studies_with_n",
    "n_contrasts_without_n",
    "n_foci",
    "n_foci_outside",
    "fwhm_mm",
    "voxelization",
    "null_method",
    "null_n_iters",
    "null_seed",
    "null_foci",
    "radius_mm",
    "weighting",
    "effective_n_contrasts",
    "connectivity",
    "correction",
    "cluster_forming",
    "montecarlo",
    "tfce",
    "region",
    "conjunction",
    "n_voxels",
    "voxel_size_mm",
)
"""Keys of ``facts`` that the sentences use; a missing one leaves its sentence out."""
STATISTICS = {
    "ALE": "ALE",
    "MKDADensity": "density",
    "KDA": "number of foci",
    "SCALE": "ALE",
    "ALESubtraction": "ALE difference",
    "BalancedALESubtraction": "ALE difference",
    "MKDAChi2": "chi-square",
    defaults.CONJUNCTION: "minimum z",
}
"""What the statistic of an estimator is called; others by the estimator's name."""
MASS_WORDS = {
    "log": "−log(1 − ALE) in excess of the threshold, summed over the cluster",
    "linear": "the statistic in excess of the largest value that is not significant, summed over "
    "the cluster",
    "signed": "the absolute statistic in excess of the threshold, summed over the cluster",
}
SOFTWARE = {
    "python": ("Python", ""),
    "numpy": ("NumPy", "harris2020"),
    "scipy": ("SciPy", "virtanen2020"),
    "numba": ("Numba", "lam2015"),
    "nibabel": ("NiBabel", ""),
    "nilearn": ("nilearn", "abraham2014"),
    "nipype": ("Nipype", "gorgolewski2011"),
    "matplotlib": ("Matplotlib", "hunter2007"),
}
PIPELINE = "nimare-pipeline"
WAIVER = (
    "This text was written by nimare-pipeline from the numbers of the run, so that it can be "
    "pasted into a manuscript. It is released under the CC0 licence "
    "(https://creativecommons.org/publicdomain/zero/1.0/): use and change it freely."
)

_CITATION = re.compile(r"\[(@[\w-]+(?:; @[\w-]+)*)\]")
_TEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip


@dataclass(frozen=True)
class Text:
    r"""Some paragraphs in three forms.

    Parameters
    ----------
    markdown : str
        Citations as ``[@key]``.
    html : str
        Paragraphs; citations as author and year, linked to ``#ref-<key>``. Escaped.
    tex : str
        Citations as ``\citep{key}``. Escaped.
    citations : tuple of str
        Keys cited, in order of first use.
    """

    markdown: str
    html: str
    tex: str
    citations: tuple[str, ...]


def methods(
    facts: Mapping[str, Any],
    analysis: Mapping[str, Any],
    versions: Mapping[str, str],
    *,
    contrasts: pd.DataFrame | None = None,
    inference: Inference | None = None,
    images: pd.DataFrame | None = None,
    made: Mapping[str, Any] | None = None,
) -> Text:
    """Write the methods paragraphs of one analysis.

    Parameters
    ----------
    facts : dict
        ``MetaResult.facts``; see ``FACTS``.
    analysis : dict
        ``dataclasses.asdict`` of the Analysis.
    versions : dict of str to str
        Package name to version.
    contrasts : DataFrame, optional
        Inclusion table of the cohort, for exclusions and spaces.
    inference : Inference, optional
        How significance was judged; by default as the facts say.
    images : DataFrame, optional
        Checks of the images, of an image-based analysis.
    made : dict of str to sequence of str, optional
        Kind to the contrasts whose image was computed.

    Returns
    -------
    Text
    """
    software = {name.lower().replace("_", "-"): version for name, version in versions.items()}
    args = analysis.get("estimator", {}).get("args", {})
    alpha = analysis.get("alpha", defaults.ALPHA)
    context = {
        **dict.fromkeys(FACTS),
        **facts,
        **_words(facts, analysis),
        **group_words.context(facts, analysis),
        "inference": inference or Inference.of(facts, alpha),
        "fixed_fwhm": args.get("kernel__fwhm"),
        "fixed_n": args.get("kernel__sample_size"),
        "inference_field": args.get("inference_field"),
        "discount": args.get("fixed_effects_discount", defaults.FIXED_EFFECTS_DISCOUNT),
        "select": analysis.get("select", "").strip(),
        "pool": analysis.get("pool", defaults.POOL),
        "pool_column": pool_policy.column_of(analysis.get("pool", defaults.POOL)),
        "alpha": alpha,
        "neighbours": CONNECTIVITY_WORDS.get(
            facts.get("connectivity") or defaults.CONNECTIVITY, ""
        ),
        "version": software.get(PIPELINE, ""),
        "software": [
            (name, software[key], citation)
            for key, (name, citation) in SOFTWARE.items()
            if key in software
        ],
        "thresholds": thresholds_at(facts, alpha),
        "judged_interval": _interval_at(facts, inference or Inference.of(facts, alpha), alpha),
        **_cohort(contrasts, dropping=analysis.get("outside") == "drop"),
        **foci_words.context(contrasts, analysis.get("options", {})),
    }
    if of_images(facts, analysis):
        context |= image_texts.methods(facts, analysis, images, made or {})
        return _text("methods_images.txt.jinja", context)
    return _text("methods.txt.jinja", context)


def results(
    facts: Mapping[str, Any],
    analysis: Mapping[str, Any],
    clusters: pd.DataFrame,
    *,
    inference: Inference | None = None,
) -> Text:
    """Write a draft of the results paragraph: clusters, sizes, peaks.

    Parameters
    ----------
    facts, analysis, inference
        As for ``methods``.
    clusters : DataFrame
        A row a peak, columns as in ``*_clusters.tsv``.
    """
    main = main_peaks(clusters)
    alpha = analysis.get("alpha", defaults.ALPHA)
    judged = inference or Inference.of(facts, alpha)
    context = {
        **dict.fromkeys(FACTS),
        **facts,
        **_words(facts, analysis),
        **group_words.context(facts, analysis),
        "counts": group_words.counts(main, facts),
        "inference": judged,
        "alpha": alpha,
        "clusters": [
            {"judged_p": None, **_known(row), **_judged(row, judged)}
            for row in main.to_dict("records")
        ],
        "thresholds": thresholds_at(facts, alpha),
    }
    if of_images(facts, analysis):
        context |= image_texts.results(facts, analysis, main)
        return _text("results_images.txt.jinja", context)
    return _text("results.txt.jinja", context)


def of_images(facts: Mapping[str, Any], analysis: Mapping[str, Any]) -> bool:
    """Whether an analysis is one of statistical images, also where its facts are lost."""
    return is_of_images(facts) or analysis.get("type") == "ibma"


def _words(facts: Mapping[str, Any], analysis: Mapping[str, Any]) -> dict[str, Any]:
    """What estimator, statistic and mass are called."""
    estimator = analysis.get("estimator", {}).get("type", defaults.ESTIMATOR)
    usual = "log"
    if facts.get("result_group"):
        usual = "signed" if is_difference(facts) else "linear"
    domain = (facts.get("scale") or {}).get("domain", usual)
    return {
        "estimator": estimator,
        "statistic": STATISTICS.get(estimator, estimator),
        "mass": MASS_WORDS.get(domain, MASS_WORDS["linear"]),
    }


def _known(row: Mapping[Any, Any]) -> dict[Any, Any]:
    return {key: None if render.is_missing(value) else value for key, value in row.items()}


def _judged(row: Mapping[Any, Any], inference: Inference) -> dict[str, Any]:
    value = row.get(inference.column)
    return {} if render.is_missing(value) else {"judged_p": value}


def main_peaks(clusters: pd.DataFrame) -> pd.DataFrame:
    """First row of each cluster: its extent and its highest peak."""
    return clusters.drop_duplicates("cluster") if "cluster" in clusters else clusters


def thresholds_at(facts: Mapping[str, Any], alpha: float) -> dict[str, float]:
    """Monte Carlo thresholds at a level: measure (voxel, size_voxels, mass) to value."""
    known = (facts.get("montecarlo") or {}).get("thresholds") or {}
    at = {name: levels.get(f"{alpha:g}") for name, levels in known.items()}
    return {name: value for name, value in at.items() if value is not None}


def _interval_at(
    facts: Mapping[str, Any], inference: Inference, alpha: float
) -> list[float | None] | None:
    """Interval of the one threshold that is judged by; None where there is none, or two."""
    known = (facts.get("montecarlo") or {}).get("threshold_intervals") or {}
    found: list[float | None] | None = known.get(inference.threshold, {}).get(f"{alpha:g}")
    return found


def citation_files(texts: Mapping[str, Text]) -> dict[str, str]:
    """Contents of ``logs/CITATION.*``.

    Parameters
    ----------
    texts : dict of str to Text
        Methods of each analysis, by name.

    Returns
    -------
    dict of str to str
        ``CITATION.md``, ``CITATION.html``, ``CITATION.tex`` and ``CITATION.bib``; the last holds
        the cited papers only.
    """
    keys = [key for text in texts.values() for key in text.citations]
    context = {"texts": texts, "references": references.select(keys), "waiver": WAIVER}
    return {
        "CITATION.md": render.template("citation.md.jinja", context, autoescape=False),
        "CITATION.html": render.template("citation.html.jinja", context),
        "CITATION.tex": render.template("citation.tex.jinja", context, autoescape=False),
        "CITATION.bib": bibliography.bibtex(keys),
    }


def _cohort(contrasts: pd.DataFrame | None, *, dropping: bool) -> dict[str, Any]:
    """What the sentences say of the cohort: exclusions by reason, spaces, transforms."""
    if contrasts is None or "included" not in contrasts:
        return {
            "n_found": None,
            "excluded": [],
            "n_talairach": 0,
            "n_unknown_space": 0,
            "taken_as_talairach": False,
            "transform": "",
            "n_dropped": 0,
            "pooled": None,
            **filled(pd.DataFrame()),
        }
    included = truth(contrasts["included"])
    kept = contrasts[included]
    reasons = contrasts.loc[~included].get("reason", pd.Series(dtype=object))
    named = reasons.map(
        lambda reason: "no reason given" if render.is_missing(reason) else str(reason)
    )
    # Contrasts of images have no space of their own.
    nowhere = pd.Series("", kept.index)
    space = kept.get("original_space", nowhere).astype(str)
    talairach = space.str.upper().str.contains("TAL")
    unknown = space.str.contains(UNKNOWN)
    transforms = kept.get("space_transform", nowhere).astype(str)
    used = transforms[transforms.str.startswith("tal2mni-")].str.removeprefix("tal2mni-")
    outside = kept.get("n_foci_outside", pd.Series(dtype=float))
    ids = experiments(kept)
    return {
        "n_found": len(contrasts),
        "pooled": pooled_facts(kept),
        "excluded": list(named.value_counts(sort=False).items()),
        "n_talairach": ids[talairach].nunique(),
        "n_unknown_space": ids[unknown].nunique(),
        "taken_as_talairach": bool(transforms[unknown].str.startswith("tal2mni-").any()),
        "transform": used.iloc[0] if len(used) else "",
        "n_dropped": int(outside.fillna(0).sum()) if dropping else 0,
        **filled(kept),
    }


def pooled_facts(kept: pd.DataFrame) -> dict[str, int] | None:
    """Numbers of contrasts and of the experiments they are pooled into; None if they are not."""
    # A table that is missing has every column, and no row.
    if POOLED_INTO not in kept or not len(kept):
        return None
    return {"n_contrasts": len(kept), "n_experiments": experiments(kept).nunique()}


def filled(kept: pd.DataFrame) -> dict[str, Any]:
    """What stands in for sample sizes that were not reported.

    Parameters
    ----------
    kept : DataFrame
        Contrasts that are analysed.

    Returns
    -------
    dict
        ``n_filled`` experiments with the sample size ``filled_n``; ``n_width`` experiments with a
        kernel of ``given_width`` mm, which are all there are if ``only_width``.
    """
    kept = by_experiment(kept)
    sizes = kept.loc[imputed(kept), "sample_size"] if len(kept) else pd.Series(dtype=float)
    widths = kept.get("kernel_fwhm", pd.Series(dtype=float))
    widths = widths[~widths.map(render.is_missing).astype(bool)]
    return {
        "n_filled": len(sizes),
        "filled_n": float(sizes.iloc[0]) if len(sizes) else None,
        "n_width": len(widths),
        "given_width": float(widths.iloc[0]) if len(widths) else None,
        "only_width": 0 < len(widths) == len(kept),
    }


def _text(name: str, context: Mapping[str, Any]) -> Text:
    prose = render.template(name, context, autoescape=False)
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", prose)]
    paragraphs = [re.sub(r" ([,.;)])", r"\1", part) for part in paragraphs if part]
    segments = [_segments(paragraph) for paragraph in paragraphs]
    keys = [key for part in segments for _, cited in part for key in cited]
    cited = {key: references.load()[key] for key in keys}
    return Text(
        markdown="\n\n".join(paragraphs) + "\n",
        html=render.template("paragraphs.html.jinja", {"paragraphs": segments, "cited": cited}),
        tex="\n\n".join("".join(map(_tex, part)) for part in segments) + "\n",
        citations=tuple(cited),
    )


def _segments(paragraph: str) -> list[tuple[str, tuple[str, ...]]]:
    """Pieces (text, keys) of a paragraph: plain text without keys, or a citation without text."""
    pieces: list[tuple[str, tuple[str, ...]]] = []
    end = 0
    for match in _CITATION.finditer(paragraph):
        keys = tuple(key.removeprefix("@") for key in match[1].split("; "))
        # A file may hold something that looks like a citation; only ours are.
        if not set(keys) <= references.load().keys():
            continue
        pieces += [(paragraph[end : match.start()], ()), ("", keys)]
        end = match.end()
    return [*pieces, (paragraph[end:], ())]


def _tex(piece: tuple[str, tuple[str, ...]]) -> str:
    text, keys = piece
    if keys:
        return rf"\citep{{{','.join(keys)}}}"
    return "".join(_TEX.get(character, character) for character in text)
