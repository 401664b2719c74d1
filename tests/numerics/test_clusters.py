"""Clusters and peaks against pictures, brute force and GingerALE's own table."""

import itertools

import numpy as np
import pytest

from nimare_pipeline.numerics import clusters

AFFINE_2MM = np.diag([2.0, 2.0, 2.0, 1.0])

NEIGHBOURS = {"faces": 1, "edges": 2, "corners": 3}


def picture(text):
    """One slice (X, Y, 1) from a drawing; digits are values, dots are outside."""
    rows = [line.split() for line in text.strip().splitlines()]
    return np.array([[0 if c == "." else int(c) for c in row] for row in rows])[:, :, None]


def flood_fill(volume, connectivity):
    """Components by the obvious, slow way, as a set of frozensets of voxels."""
    left = {tuple(voxel) for voxel in np.argwhere(volume)}
    steps = [
        step
        for step in itertools.product((-1, 0, 1), repeat=3)
        if 0 < np.abs(step).sum() <= NEIGHBOURS[connectivity]
    ]
    components = set()
    while left:
        front, component = [left.pop()], set()
        while front:
            voxel = front.pop()
            component.add(voxel)
            for step in steps:
                near = tuple(np.add(voxel, step).tolist())
                if near in left:
                    left.remove(near)
                    front.append(near)
        components.add(frozenset(component))
    return components


@pytest.mark.parametrize("connectivity", list(NEIGHBOURS), ids=str)
def test_label_finds_the_components_of_a_flood_fill(connectivity):
    """Labels are the components that a flood fill finds."""
    volume = np.random.default_rng(3).random((9, 8, 7)) < 0.3
    labels, n = clusters.label(volume, connectivity)
    found = {frozenset(map(tuple, np.argwhere(labels == k).tolist())) for k in range(1, n + 1)}
    assert flood_fill(volume, connectivity) == found


def test_label_numbers_clusters_in_c_order():
    """Cluster 1 holds the first true voxel in C order, and so on."""
    volume = picture("1 . 1\n. . .\n1 . .").astype(bool)
    labels, n = clusters.label(volume)
    expected = picture("1 . 2\n. . .\n3 . .")
    assert n == 3
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(expected, labels)


def test_label_separates_voxels_that_share_an_edge_only():
    """Faces is the default: voxels that touch by an edge are two clusters."""
    _, n = clusters.label(picture("1 .\n. 1").astype(bool))
    assert n == 2


def test_label_of_nothing_is_no_cluster():
    """An empty volume has no cluster."""
    labels, n = clusters.label(np.zeros((3, 3, 3), dtype=bool))
    assert (n, labels.sum()) == (0, 0)


def test_label_refuses_values_that_are_not_boolean():
    """A statistic is not a set of voxels: the threshold is the caller's."""
    with pytest.raises(ValueError, match="expected a 3-D boolean volume, got 3-D float64"):
        clusters.label(np.zeros((3, 3, 3)))


def test_label_refuses_an_unknown_connectivity():
    """The accepted names are listed."""
    with pytest.raises(ValueError, match="one of faces, edges, corners, not 'nn1'"):
        clusters.label(np.zeros((3, 3, 3), dtype=bool), "nn1")


def test_cluster_sizes_counts_each_label():
    """Sizes are in the order of the labels; a missing label has size 0."""
    labels = picture("1 1 .\n. 3 3\n. 3 .")
    np.testing.assert_array_equal([2, 0, 3], clusters.cluster_sizes(labels, 3))


def peaks_of(stat, labels=None, distance=0.0, affine=AFFINE_2MM):
    stat = np.asarray(stat, dtype=float)
    labels = (stat > 0).astype(np.int32) if labels is None else labels
    return clusters.local_maxima(stat, labels, distance, affine)


def test_local_maxima_come_strongest_first():
    """Two hills in one cluster are two peaks, the higher one first."""
    peaks = peaks_of(picture("2 5 2 1 2 9 3"))
    np.testing.assert_array_equal([[0, 5, 0], [0, 1, 0]], peaks.ijk)
    np.testing.assert_array_equal([9, 5], peaks.stat)
    np.testing.assert_array_equal([1, 1], peaks.cluster)


def test_local_maxima_keep_their_distance():
    """A sub-peak 8 mm away stays at 8 mm and goes at a hair more."""
    stat = picture("2 5 2 1 2 9 3")
    assert len(peaks_of(stat, distance=8.0).stat) == 2
    np.testing.assert_array_equal([9], peaks_of(stat, distance=8.001).stat)


def test_local_maxima_measure_distance_in_mm():
    """On a grid of 3 mm along the row, the same two voxels are 12 mm apart."""
    stat = picture("2 5 2 1 2 9 3")
    assert len(peaks_of(stat, distance=12.0, affine=np.diag([1, 3, 1, 1])).stat) == 2
    assert len(peaks_of(stat, distance=12.1, affine=np.diag([1, 3, 1, 1])).stat) == 1


def test_local_maxima_take_a_plateau_as_one_peak():
    """Equal neighbours are one peak, at the first voxel in C order."""
    peaks = peaks_of(picture("1 7 7 1\n1 7 1 1"))
    np.testing.assert_array_equal([[0, 1, 0]], peaks.ijk)


def test_local_maxima_do_not_take_a_shoulder_for_a_peak():
    """A plateau that touches something higher is no peak, however long it is."""
    peaks = peaks_of(picture("5 5 5 5 9"))
    np.testing.assert_array_equal([[0, 4, 0]], peaks.ijk)


def test_local_maxima_break_ties_by_place():
    """Of two equal peaks that are too close, the first in C order stays."""
    peaks = peaks_of(picture("9 1 9"), distance=8.0)
    np.testing.assert_array_equal([[0, 0, 0]], peaks.ijk)


def test_local_maxima_keep_many_equal_peaks_in_order():
    """Ties stay in C order however many there are."""
    heights = np.random.default_rng(0).integers(5, 8, 300)
    stat = np.ones((1, 600, 1))
    stat[0, ::2, 0] = heights
    peaks = peaks_of(stat)
    expected = [2 * i for height in (7, 6, 5) for i in range(300) if heights[i] == height]
    assert peaks.ijk[:, 1].tolist() == expected


def test_local_maxima_ignore_neighbours_of_another_cluster():
    """A cluster's peak is a peak although a neighbouring cluster is higher."""
    stat = picture("3 .\n. 8").astype(float)
    labels, _ = clusters.label(stat > 0)
    peaks = peaks_of(stat, labels)
    np.testing.assert_array_equal([1, 2], peaks.cluster)
    np.testing.assert_array_equal([3, 8], peaks.stat)


def test_local_maxima_of_negative_values():
    """The sign of the statistic does not matter, and the volume's border is no peak by itself."""
    peaks = peaks_of(-picture("9 5 9").astype(float), labels=np.ones((1, 3, 1), dtype=np.int32))
    np.testing.assert_array_equal([[0, 1, 0]], peaks.ijk)


def test_local_maxima_of_no_cluster_are_none():
    """Without labels there are no peaks."""
    peaks = peaks_of(np.ones((2, 2, 2)), labels=np.zeros((2, 2, 2), dtype=np.int32))
    assert peaks.ijk.shape == (0, 3)


def test_local_maxima_match_brute_force():
    """On untied values, peaks are the voxels above all 26 neighbours of their own cluster."""
    rng = np.random.default_rng(5)
    stat = rng.random((9, 8, 7))
    labels, _ = clusters.label(stat > 0.6)
    expected = set()
    for voxel in map(tuple, np.argwhere(labels).tolist()):
        around = tuple(slice(max(i - 1, 0), i + 2) for i in voxel)
        rivals = stat[around][labels[around] == labels[voxel]]
        if stat[voxel] == rivals.max():
            expected.add(voxel)
    assert expected == set(map(tuple, peaks_of(stat, labels).ijk.tolist()))


def test_local_maxima_are_the_extrema_of_gingerale(shared_data):
    """All extrema of GingerALE's table of 10 clusters come out, each at its place, in order."""
    from nibabel.affines import apply_affine

    ale, affine, expected = gingerale(shared_data / "references/gingerale/EickhoffHBM09")
    p, _ = unscaled(shared_data / "references/gingerale/EickhoffHBM09/EickhoffHBM09_P.nii.gz")
    labels, n = clusters.label((ale > 0) & (p < 0.001))
    sizes = clusters.cluster_sizes(labels, n)
    peaks = clusters.local_maxima(ale, labels, 0, affine)
    found = []
    for k in np.argsort(-sizes)[: len(expected)]:
        mine = peaks.cluster == k + 1
        xyz = apply_affine(affine, peaks.ijk[mine])
        found.append((int(sizes[k]) * 8, np.column_stack([peaks.stat[mine], xyz])))
    for (volume, extrema), (found_volume, found_extrema) in zip(expected, found, strict=True):
        assert volume == found_volume
        np.testing.assert_allclose(extrema, found_extrema, rtol=1e-7)


def unscaled(path):
    """Stored values of a GingerALE image: 4-D with one volume, and a scl_slope of NaN."""
    import nibabel as nib

    image = nib.load(path)
    return np.squeeze(image.dataobj.get_unscaled()).astype(float), image.affine


def gingerale(folder):
    """ALE volume, affine, and (mm3, [[ALE, x, y, z], ...]) of each cluster of the table."""
    ale, affine = unscaled(folder / "EickhoffHBM09_ALE.nii.gz")
    table = []
    for line in (folder / "EickhoffHBM09_clust.xls").read_text().splitlines()[1:]:
        cells = line.split("\t")
        if cells[0]:
            table.append((int(cells[1]), []))
        if len(cells) > 5:
            table[-1][1].append([float(cell) for cell in cells[5:9]])
    return ale, affine, table
