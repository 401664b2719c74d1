"""Readers of the formats that studies come in, one module a format.

A module is a format if it has ``NAME``, ``sniff(path) -> bool`` and
``read(path, *companions) -> (contrasts, problems)``; :mod:`nimare_pipeline.io.registry` finds it.
It may have ``group(paths)`` (which files are one dataset), ``own_name(path)`` (what a file calls
itself; None takes the file's name), ``SEPARATE`` (several files are several analyses),
``SAYS`` (kinds of :mod:`nimare_pipeline.suspicions` that it says itself) and
``read_tables(path, *companions, tal2mni=) -> (Tables, problems)``, for what is too large for
contrasts one by one: its foci are in MNI space, and checked. ``YIELDS`` says that it is read only
where no other format describes the studies of the folder, ``beside(path)`` which files lie there
and are rightly not read. And ``analyses(path) -> (tables, problems)``: what a file asks to be done
with the data, see :mod:`nimare_pipeline.io.described`.

Images of a contrast are texts (absolute paths, or such as count from the folder of the main file
or from ``images_from(path)``), or paths to where they lie.
"""

from nimare_pipeline._lazy import attach

_NAMES = {
    "Found": "nimare_pipeline.io.sources",
    "Source": "nimare_pipeline.io.sources",
    "examine": "nimare_pipeline.io.registry",
    "read": "nimare_pipeline.io.registry",
    "convert_native_to_dataset": "nimare_pipeline.io.convert",
    "convert_neurosynth_to_dataset": "nimare_pipeline.io.convert",
    "convert_nimads_to_dataset": "nimare_pipeline.io.convert",
    "convert_sleuth_to_dataset": "nimare_pipeline.io.convert",
    "convert_dataset_to_nimads_dict": "nimare_pipeline.io.exports",
    "convert_neurosynth_to_json": "nimare_pipeline.io.exports",
    "convert_nimads_to_sleuth": "nimare_pipeline.io.exports",
    "convert_sleuth_to_dict": "nimare_pipeline.io.exports",
    "convert_sleuth_to_json": "nimare_pipeline.io.exports",
    "convert_sleuth_to_nimads_dict": "nimare_pipeline.io.exports",
    "write": "nimare_pipeline.io.exports",
    "write_native": "nimare_pipeline.io.convert",
}

__getattr__, __dir__ = attach(__name__, __path__, _NAMES)
