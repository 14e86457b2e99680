"""What an ONNX model takes and gives, as ONNX Runtime sees it."""

from pathlib import Path

from msray.extras import from_extra
from msray.store.model_record import Shape
from msray.store.sealed import ModelRefusedError

_FLOAT = "tensor(float)"


def interface_of(onnx: bytes, file: Path) -> tuple[dict[str, Shape], dict[str, Shape]]:
    """Names and shapes of what goes in and of what comes out; None where a length is open.

    Raises
    ------
    ModelRefusedError
        If ONNX Runtime cannot open it, as when a newer one has written it, or a tensor is not of float32.
    """
    with from_extra("models", "opening a model"):
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as errors

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    try:
        session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except (
        errors.Fail,
        errors.InvalidArgument,
        errors.InvalidGraph,
        errors.InvalidProtobuf,
        errors.NotImplemented,
    ) as e:
        raise ModelRefusedError(f"{file} cannot be opened by ONNX Runtime {onnxruntime.__version__}: {e}") from e
    found = []
    for tensors in (session.get_inputs(), session.get_outputs()):
        for one in tensors:
            if one.type != _FLOAT:
                raise ModelRefusedError(f"{file}: {one.name} must be {_FLOAT}, got {one.type}")
        found.append({one.name: tuple(n if isinstance(n, int) else None for n in one.shape) for one in tensors})
    return found[0], found[1]
