"""One key of an analysis file, and the keys of one type of analysis."""

from dataclasses import dataclass
from typing import Any

from nimare_pipeline.model.kinds import Kind


@dataclass(frozen=True)
class Key:
    """One key.

    Parameters
    ----------
    name : str
    kind : Kind
        What it accepts.
    meaning : str
        One line.
    default : any
        As TOML has it; None where there is none, and then ``otherwise`` says what happens.
    otherwise : str
        What holds without the key.
    required : bool
    example : str
        A value as it stands in a file.
    """

    name: str
    kind: Kind
    meaning: str
    default: Any = None
    otherwise: str = ""
    required: bool = False
    example: str = ""


@dataclass(frozen=True)
class Type:
    """One type of analysis: what it is, and the keys it has.

    Parameters
    ----------
    meaning : str
        One line.
    keys : tuple of Key
        All of them, the common ones too.
    """

    meaning: str
    keys: tuple[Key, ...]

    def key(self, name: str) -> Key | None:
        """Find a key by its name."""
        return next((key for key in self.keys if key.name == name), None)
