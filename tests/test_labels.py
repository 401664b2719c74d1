"""Names that no other has."""

from nimare_pipeline.labels import free_name


def test_the_first_number_that_is_free() -> None:
    """A stem stays as it is where nobody has it."""
    assert free_name("a", set().__contains__) == "a"
    assert free_name("a", {"a", "a_2", "a_4"}.__contains__) == "a_3"
    assert free_name("a", {"a"}.__contains__, joint="x") == "ax2"


def test_many_names_of_one_stem() -> None:
    """Counting goes on where it got to: ids of emoji are one stem, and there may be thousands."""
    taken: set[str] = set()
    reached: dict[str, int] = {}
    asked = 0

    def is_taken(name: str) -> bool:
        nonlocal asked
        asked += 1
        return name in taken

    for _ in range(1000):
        taken.add(free_name("x", is_taken, reached=reached))
    assert len(taken) == 1000
    assert "x_1000" in taken
    assert asked < 2000
