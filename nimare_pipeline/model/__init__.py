"""The analysis file: what its keys mean, how it is read, and how it is written for a start.

:mod:`~nimare_pipeline.model.schema` is the one place that knows the keys; validation,
documentation and the file that ``nimare-pipeline init`` writes are made from it.
"""

from nimare_pipeline._lazy import attach

_NAMES = {
    "Model": "nimare_pipeline.model.reader",
    "from_tables": "nimare_pipeline.model.reader",
    "of_tables": "nimare_pipeline.model.template",
    "read": "nimare_pipeline.model.reader",
}

__getattr__, __dir__ = attach(__name__, __path__, _NAMES)
