"""A network in the ONNX format on one thread; the only importer of onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.errors import RecognitionError, WeightsError
from models.processor import cuts_byte_products

WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"
"""The option that says where a graph without a file of its own finds its weights."""
WITHOUT_BYTES = "session.disable_quant_qdq"
"""The option that computes layers between bytes in single precision, as they were trained: exact, and slower.
Not those whose operators themselves take integers (MatMulInteger, DynamicQuantizeLSTM)."""


class OnnxModel:
    """A network with one input. Thread-safe; a call keeps to the thread that makes it."""

    def __init__(
        self,
        path: Path,
        graph: bytes | None = None,
        arrays: Mapping[str, NDArray[np.float32]] | None = None,
        *,
        whole_bytes: bool = False,
    ) -> None:
        """Load the weights. Raises WeightsError that names the file and what to do.

        `graph` is the network where `path` is not one but a file beside which it finds its weights; those
        `arrays` holds, by name, it takes from there. `whole_bytes`: its weights are bytes of eight bits,
        whose products some processors cut off; of seven bits they fit.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry(WEIGHTS_FOLDER, str(path.parent))
        if whole_bytes and cuts_byte_products():
            options.add_session_config_entry(WITHOUT_BYTES, "1")
        # The session reads them as long as it lives.
        self._given = {
            name: onnxruntime.OrtValue.ortvalue_from_numpy(each) for name, each in (arrays or {}).items()
        }
        options.add_external_initializers(list(self._given), list(self._given.values()))
        try:
            self._session = onnxruntime.InferenceSession(
                str(path) if graph is None else graph, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            # The library's errors have no common root but Exception.
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise WeightsError(
                f"cannot load {path}: {reason}; run `audiowarden models fetch {path.parent.name}`"
            ) from None
        self._input = self._session.get_inputs()[0].name

    def run(self, values: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the network's outputs. Raises RecognitionError."""
        try:
            return [np.asarray(each) for each in self._session.run(None, {self._input: values})]
        except Exception as error:
            raise RecognitionError(f"a network failed: {type(error).__name__}") from error
