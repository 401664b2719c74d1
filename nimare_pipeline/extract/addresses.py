"""Where the data lie, in one place; every function takes another with ``base_url``.

Data in a repository are taken at one commit, so that they stay what they are. The checksums of
these files are in ``nimare_pipeline/data/downloads``: the object names that git has for them
(``git ls-tree -r COMMIT``).
"""

NEUROSYNTH = (
    "https://raw.githubusercontent.com/neurosynth/neurosynth-data/"
    "209c33cd009d0b069398a802198b41b9c488b9b7"
)
NEUROQUERY = (
    "https://raw.githubusercontent.com/neuroquery/neuroquery_data/"
    "4580f86267fb7c14ac1f601e298cbed898d79f2d/data"
)
COGNITIVE_ATLAS = (
    "https://raw.githubusercontent.com/neurostuff/NiMARE/"
    "fdb11f05fa1001b7c35625d9c5e7f64da83219a8/nimare/resources/cognitive_atlas"
)
"""Tables that NiMARE made of the ontology at https://www.cognitiveatlas.org."""
NEUROSTORE = "https://neurostore.org"
NEUROVAULT = "https://neurovault.org"
NIDM_PAIN = 1425
"""Collection on NeuroVault: NIDM-Results packs of 21 studies of pain."""
