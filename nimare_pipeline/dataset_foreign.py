"""Datasets that NiMARE saved: its pickles, which are not run, and its JSON."""

import logging
from pathlib import Path

from nimare_pipeline import defaults, spaces
from nimare_pipeline.brainmask import BrainMask
from nimare_pipeline.contrast import check
from nimare_pipeline.errors import DataError
from nimare_pipeline.io import nimare_json, nimare_pickle
from nimare_pipeline.tables import Tables, tables_of

_LOGGER = logging.getLogger("nimare_pipeline")


def load(path: Path) -> tuple[Tables, BrainMask, str] | None:
    """Tables, mask and space of a file of NiMARE; None if it is something else, or not there.

    Raises
    ------
    DataError
        If it is damaged, or a pickle of something else; with every problem found.
    """
    if not path.is_file():
        return None
    if nimare_pickle.is_pickle(path):
        tables, mask, space, problems = nimare_pickle.read_dataset(path)
    elif nimare_json.sniff(path):
        contrasts, problems = nimare_json.read(path)
        problems += check(contrasts)
        if any(problem.level == "error" for problem in problems):
            msg = f"{path} cannot be read"
            raise DataError(msg, problems)
        tables, space = tables_of(contrasts), defaults.TARGET_SPACE
        mask = spaces.template_mask(space)
    else:
        return None
    for problem in problems:
        _LOGGER.warning("%s", problem)
    return tables, mask, space
