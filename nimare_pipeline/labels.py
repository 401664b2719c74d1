"""Names in letters and digits, as BIDS wants them."""

import unicodedata

from nimare_pipeline.errors import UsageError


def label(text: str) -> str:
    """Letters and digits of a text, as BIDS wants a label: ``pain (fMRI)-2`` is ``painFMRI2``.

    Raises
    ------
    UsageError
        If there are none.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = "".join(c if c.isalnum() else " " for c in plain).split()
    if not words:
        msg = f"no name for an analysis can be made of {text!r}; give one with --name"
        raise UsageError(msg)
    return words[0] + "".join(word[0].upper() + word[1:] for word in words[1:])
