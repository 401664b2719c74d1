"""Every default that two places share: command line, library, report and documentation."""

from typing import Literal

TARGET_SPACE = "mni152_2mm"
TEMPLATE = "MNI152NLin6Asym"
TAL2MNI = "other"
ESTIMATOR = "ALE"
PAIR_ESTIMATOR = "ALESubtraction"
IMAGE_ESTIMATOR = "DerSimonianLaird"
MIN_STUDIES = 2
"""Studies that a voxel of a meta-analysis of images needs."""
FOCI_Z = 3.1
"""Voxels above it make the clusters whose peaks are foci, where foci are made of images."""
FOCI_CLUSTER_VOXELS = 10
"""Such clusters of fewer voxels give no foci."""
NULL_METHOD = "approximate"
VOXELIZATION = "exact"
KERNEL_RADIUS_MM = 10.0
"""Radius of the spheres of MKDA and KDA."""
PRIOR = 0.5
"""Prior probability of the first group, of posterior probabilities."""
FIXED_EFFECTS_DISCOUNT = 0.75
"""Weight of a fixed-effects analysis relative to a random-effects one (CANlab)."""
OUTSIDE = "keep"
NULL_OUTSIDE = "distance"
MISSING_N = "error"
POOL = "none"
"""Contrasts of a study, or subject group, are experiments of their own."""
UNKNOWN_SPACE = ""
"""What to do with foci of no known space: nothing said, each format its own (errors, mostly)."""
CONJUNCTION = "Conjunction"
"""Word in place of an estimator where results are combined, as in ``model-`` of file names."""
CORRECTOR = "FWECorrector"
CORRECTION_METHOD = "montecarlo"
FDR_METHOD = "indep"
N_ITERS = 10_000
VOXEL_THRESH = 0.001
ALPHA = 0.05
TFCE_EXTENT = 0.5
TFCE_HEIGHT = 2.0
"""Powers of extent and height (Smith & Nichols 2009)."""
SEED = 42
N_CORES = 1
CONNECTIVITY: Literal["faces"] = "faces"
"""Voxels that share a face are neighbours (6): inference, tables, contributions, labels."""
MONTECARLO_BLOCK = 500
"""Iterations in one stored block: the grain of resume, never of the result."""
PEAK_DISTANCE_MM = 8.0
"""Sub-peaks of a cluster are at least this far apart."""
UNKNOWN_STUDY = "study_unknown"
"""Study ids begin so where a file names no study; each such experiment counts as one."""
MIN_EXPERIMENTS = 17
"""With fewer experiments single ones drive an ALE (Eickhoff et al. 2016; Müller et al. 2018)."""

VOXELIZATIONS = ("exact", "half-up", "half-even", "truncate", "ceil")
NULL_METHODS = ("approximate", "histogram", "montecarlo")
OUTSIDE_POLICIES = ("keep", "drop")
NULL_OUTSIDE_POLICIES = ("distance", "inside")
UNKNOWN_SPACES = ("error", "exclude", "mni", "talairach")
TAL2MNI_METHODS = ("other", "spm", "fsl", "brett", "none")
COVERAGES = ("liberal", "aggressive")
DEPENDENCES = ("robust", "collapse")
BAD_IMAGE_POLICIES = ("error", "exclude")
