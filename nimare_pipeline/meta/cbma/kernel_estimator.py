"""What estimators with a kernel share: taking it, or its parameters, in the constructor."""

from collections.abc import Mapping
from typing import Any, ClassVar

from nimare_pipeline.errors import UsageError
from nimare_pipeline.meta.estimator import KERNEL_PREFIX, Parametrised, unknown_keywords
from nimare_pipeline.meta.kernel import Kernel


class KernelEstimator(Parametrised):
    """Estimator with a ``kernel_transformer`` of its own kind."""

    kernel_class: ClassVar[type[Kernel]]
    kernel_transformer: Any

    def _take_kernel(self, kernel: Any, kernel_parameters: Mapping[str, Any]) -> Any:
        """Kernel of what the constructor was given: a kernel, its class, or ``kernel__<name>``.

        Raises
        ------
        UsageError
            For unknown keywords, or a kernel of another kind.
        """
        name = type(self).__name__
        if isinstance(kernel, type) or kernel is None:
            kernel = (kernel or self.kernel_class)()
        if type(kernel) is not self.kernel_class:
            msg = f"{name} takes the kernel {self.kernel_class.__name__}, not {kernel!r}"
            raise UsageError(msg)
        known = [f"{KERNEL_PREFIX}{parameter}" for parameter in kernel.get_params()]
        strange = {key: value for key, value in kernel_parameters.items() if key not in known}
        if strange:
            raise unknown_keywords(name, strange, [*self._parameter_names(), *known])
        own = {key.removeprefix(KERNEL_PREFIX): v for key, v in kernel_parameters.items()}
        return self.kernel_class(**(kernel.get_params() | own)) if own else kernel
