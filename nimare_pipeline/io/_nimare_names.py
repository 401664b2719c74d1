"""Names for contrasts that NiMARE left without one: those of Sleuth headers without a colon."""

from collections.abc import Sequence
from dataclasses import replace

from nimare_pipeline.contrast import Contrast, counted, listed
from nimare_pipeline.errors import Problem

_BASE = "analysis"


def named(contrasts: Sequence[Contrast], file: str) -> tuple[list[Contrast], list[Problem]]:
    """Contrasts, those without an id as ``analysis_1`` and so on of their study.

    Returns
    -------
    contrasts : list of Contrast
        In the same order.
    problems : list of Problem
        One warning, if any had no id.
    """
    if all(one.contrast_id.strip() for one in contrasts):
        return list(contrasts), []
    taken = {(one.study_id, one.contrast_id) for one in contrasts}
    found: list[Contrast] = []
    lacking: list[str] = []
    for one in contrasts:
        if one.contrast_id.strip():
            found.append(one)
            continue
        number = 1
        while (one.study_id, f"{_BASE}_{number}") in taken:
            number += 1
        taken.add((one.study_id, f"{_BASE}_{number}"))
        lacking.append(one.study_id)
        found.append(replace(one, contrast_id=f"{_BASE}_{number}"))
    what = counted(len(lacking), "contrast has", "contrasts have")
    studies = [repr(one) for one in dict.fromkeys(lacking)]
    where = "study" if len(studies) == 1 else "studies"
    message = f"{what} no name, of {where} {listed(studies, 5)}"
    return found, [Problem("warning", f"{message}; called {_BASE}_1 and so on", file)]
