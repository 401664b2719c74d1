"""Neurosynth's database to a Dataset: ours and the peer's, alternating, each in a process of its own.

``python benchmarks/neurosynth_read.py FOLDER PEER_PYTHON [ROUNDS]`` prints rows for RESULTS.md:
medians of the whole conversion (Talairach to MNI and labels included), and peak memory.
"""

import statistics
import subprocess
import sys
from pathlib import Path

_FILES = """
import resource, sys, time
from glob import glob
folder = sys.argv[1]
(coordinates,) = glob(folder + "/*_coordinates.tsv.gz")
(metadata,) = glob(folder + "/*_metadata.tsv.gz")
sets = [
    {"features": name, "vocabulary": name.split("_source-")[0] + "_vocabulary.txt"}
    for name in sorted(glob(folder + "/*_features.npz"))
]
"""
_RUN = """
begin = time.perf_counter()
dataset = convert_neurosynth_to_dataset(coordinates, metadata, annotations_files=sets)
seconds = time.perf_counter() - begin
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print("TIMED", seconds, peak, len(dataset.ids), len(dataset.coordinates))
"""
_IMPORTS = {
    "ours": "from nimare_pipeline.io import convert_neurosynth_to_dataset\nimport pandas\n",
    "peer": "from nimare.io import convert_neurosynth_to_dataset\n",
}


def timed(who: str, python: str, folder: str) -> tuple[float, float, str]:
    """Seconds, peak memory in MB, and what was read, of one conversion."""
    code = _FILES + _IMPORTS[who] + _RUN
    done = subprocess.run(
        [python, "-W", "ignore", "-c", code, folder], check=True, capture_output=True, text=True
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("TIMED"))
    _, seconds, peak, n_contrasts, n_foci = line.split()
    return float(seconds), float(peak), f"{n_contrasts} contrasts, {n_foci} foci"


def main() -> None:
    """Time both in turn and print the rows."""
    folder, peer, *more = sys.argv[1:]
    rounds = int(more[0]) if more else 3
    pythons = {"ours": sys.executable, "peer": peer}
    found: dict[str, list[tuple[float, float, str]]] = {"ours": [], "peer": []}
    for _ in range(rounds):
        for who, python in pythons.items():
            found[who].append(timed(who, python, str(Path(folder).resolve())))
    medians = {
        who: statistics.median(seconds for seconds, _, _ in runs) for who, runs in found.items()
    }
    print("| who | median s | best s | peak MB | read | ratio |")
    print("|---|---|---|---|---|---|")
    for who, runs in found.items():
        best = min(seconds for seconds, _, _ in runs)
        peak = max(memory for _, memory, _ in runs)
        ratio = medians["peer"] / medians[who]
        row = f"{medians[who]:.2f} | {best:.2f} | {peak:.0f} | {runs[0][2]} | {ratio:.0f}x"
        print(f"| {who} | {row} |")


if __name__ == "__main__":
    main()
