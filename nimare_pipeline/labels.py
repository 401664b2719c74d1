"""Names in letters and digits, as BIDS wants them, and names that no other has."""

import unicodedata
from collections.abc import Callable

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


def free_name(
    stem: str,
    is_taken: Callable[[str], bool],
    *,
    joint: str = "_",
    reached: dict[str, int] | None = None,
) -> str:
    """Name that is not taken: the stem, or the stem with the first number that makes one.

    Parameters
    ----------
    stem : str
    is_taken : callable
        Whether somebody has a name.
    joint : str
        Stands between stem and number.
    reached : dict of str to int, optional
        Kept between calls: the last number of each stem. Without it many names of one stem take
        a time that grows with the square of their number.

    Examples
    --------
    >>> free_name("pain", {"pain", "pain_2"}.__contains__)
    'pain_3'
    """
    numbers = {} if reached is None else reached
    n = numbers.get(stem, 1)
    name = stem if n == 1 else f"{stem}{joint}{n}"
    while is_taken(name):
        n += 1
        name = f"{stem}{joint}{n}"
    numbers[stem] = n
    return name
