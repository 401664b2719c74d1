"""Downloads of public data, under the names the field knows.

They are called by people only, before a run: nothing that runs an analysis imports this package
(``tests/test_architecture.py`` proves it), so a run never needs a network.
"""

from nimare_pipeline._lazy import attach

_NAMES = {
    "Retries": "nimare_pipeline.extract.requesting",
    "download_cognitive_atlas": "nimare_pipeline.extract.databases",
    "download_nidm_pain": "nimare_pipeline.extract.neurovault",
    "fetch_neuroquery": "nimare_pipeline.extract.databases",
    "fetch_neurostore": "nimare_pipeline.extract.neurostore",
    "fetch_neurostore_releases": "nimare_pipeline.extract.neurostore",
    "fetch_neurostore_studyset": "nimare_pipeline.extract.neurostore",
    "fetch_neurosynth": "nimare_pipeline.extract.databases",
    "fetch_neurovault_collection": "nimare_pipeline.extract.neurovault",
}

__getattr__, __dir__ = attach(__name__, __path__, _NAMES)
