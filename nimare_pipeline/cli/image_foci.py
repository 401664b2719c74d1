"""Datasets whose foci are peaks of images, each made once for all analyses that want it."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nimare_pipeline.cli.database import database_of
from nimare_pipeline.cli.images import image_folders
from nimare_pipeline.cli.planned import Planned
from nimare_pipeline.cli.problems import accept, show_problems
from nimare_pipeline.errors import PipelineError
from nimare_pipeline.foci_policy import KEY, peaks_in_words
from nimare_pipeline.settings import Analysis, Settings

if TYPE_CHECKING:
    from nimare_pipeline.dataset import Dataset
    from nimare_pipeline.image_foci import ImageFoci

_LOGGER = logging.getLogger("nimare_pipeline")


class FociOfImages:
    """Gives analyses the foci of images, where they ask for them.

    Parameters
    ----------
    settings : Settings
        Input folder, and threads.
    strict : bool
        What is odd in images counts as wrong.
    """

    def __init__(self, settings: Settings, *, strict: bool) -> None:
        self._settings, self._strict = settings, strict
        self._known: dict[tuple[object, ...], tuple[object, ImageFoci]] = {}

    def __call__(self, planned: Planned) -> Planned:
        """Analysis with the dataset that it is of; one that cannot be made is an error of its own.

        Raises
        ------
        DataError
            With ``strict``, if there is something odd in images.
        """
        if planned.dataset is None or KEY not in planned.analysis.options:
            return planned
        try:
            made = self._made(planned.analysis, planned.dataset)
        except PipelineError as error:
            return replace(planned, error=error)
        if self._strict:
            accept(made.problems)
        problems = (*planned.problems, *made.problems)
        return replace(planned, dataset=made.dataset, problems=problems)

    def _made(self, analysis: Analysis, dataset: "Dataset") -> "ImageFoci":
        from nimare_pipeline.contrast import counted
        from nimare_pipeline.image_foci import foci_of_images

        options = analysis.options[KEY]
        roots = (database_of(analysis), Path(self._settings.bids_dir))
        folders = image_folders(analysis, *filter(None, roots), first=self._settings.image_root)
        # The mask is one for the whole run, and the tables are those that were read.
        key = (id(dataset.tables), folders, json.dumps(options, sort_keys=True))
        if key not in self._known:
            _LOGGER.info("reading images: foci are %s", peaks_in_words(options))
            made = foci_of_images(dataset, options, folders, n_threads=self._settings.n_procs)
            _LOGGER.info(
                "%s of the images of %s (%s)",
                counted(made.n_foci, "focus", "foci"),
                counted(made.n_contrasts, "contrast"),
                options["merge"],
            )
            show_problems(made.problems)
            # The tables are kept, so that no others can have their place in memory.
            self._known[key] = dataset.tables, made
        return self._known[key][1]
