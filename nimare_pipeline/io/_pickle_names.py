"""What a pickle of a Dataset may name; all else is refused.

None of it is imported or called. The parts of numpy, pandas and pyarrow are read by what they
mean; classes of the packages in ``INERT`` are kept as records of what was in them.
"""

import re

INERT = ("nimare", "nilearn", "nibabel", "joblib", "sklearn.externals.joblib")
"""Packages whose classes (not functions) may be named: a Dataset holds their objects."""

_ARRAYS = ("_reconstruct", "scalar")
_SCALARS = ("bool_", "bool", *(f"{kind}{8 * n}" for kind in ("int", "uint") for n in (1, 2, 4, 8)))
_INDEXES = ("Index", "RangeIndex", "Int64Index", "UInt64Index", "Float64Index")
_MASKED_INTEGERS = tuple(f"{kind}{8 * n}Dtype" for kind in ("Int", "UInt") for n in (1, 2, 4, 8))
_EXTENSIONS = (
    *("StringArray", "ArrowStringArray", "NumpyExtensionArray", "PandasArray"),
    *("IntegerArray", "FloatingArray", "BooleanArray"),
)
_DTYPES = ("StringDtype", "CategoricalDtype", "BooleanDtype", "Float32Dtype", "Float64Dtype")
_PATHS = ("PosixPath", "PurePosixPath", "WindowsPath", "PureWindowsPath")

EXACT: dict[str, tuple[str, ...]] = {
    "builtins": ("object", "slice", "bytes", "bytearray", "set", "frozenset"),
    "__builtin__": ("object", "slice", "bytes", "bytearray", "set", "frozenset"),
    "copyreg": ("_reconstructor",),
    "copy_reg": ("_reconstructor",),
    "_codecs": ("encode",),
    "collections": ("OrderedDict",),
    "functools": ("partial",),
    "pathlib": _PATHS,
    "pathlib._local": _PATHS,
    "numpy": ("ndarray", "memmap", "dtype", "float16", "float32", "float64", *_SCALARS),
    "numpy.core.multiarray": _ARRAYS,
    "numpy._core.multiarray": _ARRAYS,
    "numpy.core.numeric": ("_frombuffer",),
    "numpy._core.numeric": ("_frombuffer",),
    "pandas": ("DataFrame", "NA", "Categorical", *_INDEXES, *_DTYPES, *_MASKED_INTEGERS),
    "pandas.arrays": _EXTENSIONS,
    "pandas.core.frame": ("DataFrame",),
    "pandas.core.indexes.base": ("_new_Index", "Index"),
    "pandas.core.indexes.numeric": _INDEXES,
    "pandas.core.indexes.range": ("RangeIndex",),
    "pandas.core.internals.managers": ("BlockManager",),
    "pandas.core.internals.blocks": ("new_block",),
    "pandas._libs.internals": ("_unpickle_block", "BlockPlacement"),
    "pandas._libs.arrays": ("__pyx_unpickle_NDArrayBacked",),
    "pandas._libs.missing": ("NA",),
    "pandas.core.arrays.categorical": ("Categorical",),
    "pandas.core.arrays.string_": ("StringArray", "StringDtype"),
    "pandas.core.arrays.string_arrow": ("ArrowStringArray", "ArrowStringArrayNumpySemantics"),
    "pandas.core.arrays.numpy_": ("PandasArray", "NumpyExtensionArray", "PandasDtype"),
    "pandas.core.arrays.integer": ("IntegerArray", *_MASKED_INTEGERS),
    "pandas.core.arrays.floating": ("FloatingArray", "Float32Dtype", "Float64Dtype"),
    "pandas.core.arrays.boolean": ("BooleanArray", "BooleanDtype"),
    "pandas.core.dtypes.dtypes": ("CategoricalDtype", "PandasDtype", "NumpyEADtype"),
    "pyarrow.lib": ("_restore_array", "py_buffer", "type_for_alias", "chunked_array"),
}
"""Names by module; a module has more than one where versions moved them."""

_CLASS = re.compile(r"_?[A-Z][A-Za-z0-9_]*")


def is_allowed(module: str, name: str) -> bool:
    """Whether a pickle may name ``module.name``."""
    if name in EXACT.get(module, ()):
        return True
    return is_inert(module) and _CLASS.fullmatch(name) is not None


def is_inert(module: str) -> bool:
    """Whether a module is of a package whose objects are kept as records."""
    return any(module == package or module.startswith(package + ".") for package in INERT)
