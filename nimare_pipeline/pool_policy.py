"""What ``--pool`` accepts: the words, and nothing heavy, for command line and analysis file."""

POLICIES = ("none", "study", "group")
"""Each contrast is an experiment; those of a study are one; those of a subject group are one."""
COLUMNS = ("subject_group", "participant_group", "participants_id", "sample", "group")
"""Columns that name the subject group of a contrast, the first that is there counts."""
ACCEPTED = "none, study, group or group=COLUMN"

_GROUP = "group="


def accepts(value: object) -> bool:
    """Whether a value is a policy."""
    if not isinstance(value, str):
        return False
    return value in POLICIES or bool(value.startswith(_GROUP) and column_of(value))


def column_of(policy: str) -> str:
    """Column that a policy names; empty if it names none."""
    return policy.removeprefix(_GROUP).strip() if policy.startswith(_GROUP) else ""
