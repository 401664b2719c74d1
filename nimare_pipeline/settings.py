"""What a run is: one ``Settings`` (where, how much machine, seed), and ``Analysis`` records."""

from dataclasses import dataclass, field
from typing import Any

from nimare_pipeline import defaults


@dataclass(frozen=True)
class Component:
    """An estimator or corrector by name, as Neurosynth-Compose writes it: ``{type, args}``."""

    type: str
    args: dict[str, Any] = field(default_factory=dict)


def _default_estimator() -> Component:
    return Component(defaults.ESTIMATOR, {"null_method": defaults.NULL_METHOD})


def _default_corrector() -> Component:
    return Component(
        defaults.CORRECTOR,
        {
            "method": defaults.CORRECTION_METHOD,
            "n_iters": defaults.N_ITERS,
            "voxel_thresh": defaults.VOXEL_THRESH,
        },
    )


@dataclass(frozen=True)
class Analysis:
    """One meta-analysis of a run.

    Parameters
    ----------
    name : str
        Letters and digits; becomes the BIDS entity ``cohort``.
    estimator, corrector : Component
        Class names and keyword arguments.
    alpha : float
        Level of the corrected inference, between 0 and 1.
    missing_n : str
        What to do with contrasts without sample size: ``error``, ``median``, ``exclude``, or a
        FWHM in mm (``"10"``) used for those contrasts.
    outside : str
        ``keep``: foci outside the mask count for the voxels they reach; ``drop``: they go.
    pool : str
        Contrasts that are one experiment: ``none``; ``study``, those of a study; ``group``, those
        of a subject group, or ``group=COLUMN``; see :mod:`nimare_pipeline.pooling`.
    result : str
        What makes something significant: ``cluster-size``, ``cluster-mass``, ``voxel`` or
        ``tfce``; empty for tfce or cluster size where the corrector judges them, else voxels.
    sources : tuple of str
        Files the analysis was read from, relative to the input folder.
    select : str
        Which contrasts of the sources are analysed, see :mod:`nimare_pipeline.select`; empty for
        all.
    description : str
        What the analysis is for, in the user's words.
    folders : tuple of str
        Where relative paths of the analysis count from: the first folder that has the file.
    options : dict
        Keys that only its type has, for example ``groups`` or ``roi``; see
        :mod:`nimare_pipeline.model.schema`.
    """

    name: str
    type: str = "cbma"
    estimator: Component = field(default_factory=_default_estimator)
    corrector: Component = field(default_factory=_default_corrector)
    alpha: float = defaults.ALPHA
    missing_n: str = defaults.MISSING_N
    outside: str = defaults.OUTSIDE
    pool: str = defaults.POOL
    result: str = ""
    sources: tuple[str, ...] = ()
    select: str = ""
    description: str = ""
    folders: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """Where a run reads and writes, and how much machine it may use.

    Parameters
    ----------
    bids_dir, output_dir, work_dir : str
        Absolute paths. ``work_dir`` holds the store of dear results and is removed on success
        unless ``keep_work``.
    mask_file : str
        Mask image, absolute path; empty for the mask of ``target``.
    image_root : str
        Folder that relative paths of images count from before all others, absolute path.
    unknown_space : str
        What becomes of foci in no known space, see :func:`nimare_pipeline.io.read`.
    n_procs : int
        Threads (plugin Linear) or processes.
    n_chunks : int
        Monte Carlo nodes; changes where the work is done, never the result.
    plugin : str
        Nipype plugin: ``Linear``, ``MultiProc``, ...
    model_file : str
        Analysis file the analyses were read from; empty if the command line alone says what to do.
    common_range : bool
        Figures for a paper have one range of colours for all analyses in the folder.
    z_max : float
        End of the colour scale of those figures; 0 for the highest z of the map.
    """

    bids_dir: str
    output_dir: str
    work_dir: str
    run_uuid: str
    mask_file: str = ""
    image_root: str = ""
    target: str = defaults.TARGET_SPACE
    tal2mni: str = defaults.TAL2MNI
    unknown_space: str = defaults.UNKNOWN_SPACE
    seed: int = defaults.SEED
    n_procs: int = 1
    n_chunks: int = 1
    plugin: str = "Linear"
    keep_work: bool = False
    verbosity: int = 0
    model_file: str = ""
    common_range: bool = False
    z_max: float = 0.0
    command: tuple[str, ...] = ()
