"""Warm-up requests, which TensorFlow Serving runs before it answers, so that the first user does not wait.

They are records of the message `tensorflow.serving.PredictionLog` in `assets.extra/tf_serving_warmup_requests` (TFX
guide, "SavedModel Warmup"). Of that message and of those within it, only the fields of a prediction are declared here,
with the numbers and names of TensorFlow Serving's own protos, so that no further package is required.
"""

import os
import pathlib
from collections.abc import Iterable, Mapping

import numpy as np
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from tensorflow.core.framework import tensor_pb2

FILE = pathlib.Path("assets.extra") / "tf_serving_warmup_requests"
MODEL = "child"  # a server runs the requests on the model of this folder, whatever its name
_PACKAGE = "tensorflow.serving"

# message -> field -> (number, type); a type that is not a message is bytes or string
_MESSAGES: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "ModelSpec": {"name": (1, "string"), "signature_name": (3, "string")},
    "Input": {"key": (1, "string"), "value": (2, "bytes")},  # an entry of the map from names to tensors
    "PredictRequest": {"model_spec": (1, "ModelSpec"), "inputs": (2, "repeated Input")},
    "PredictLog": {"request": (1, "PredictRequest")},
    "PredictionLog": {"predict_log": (6, "PredictLog")},
}


def write(directory: os.PathLike[str] | str, requests: Iterable[tuple[str, Mapping[str, np.ndarray]]]) -> None:
    """Adds warm-up requests to a SavedModel.

    Args:
        directory: of the SavedModel.
        requests: pairs of a signature and its inputs by name; TensorFlow Serving takes at most 1,000.
    """
    path = pathlib.Path(directory) / FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as file:
        for signature, inputs in requests:
            file.write(_record(signature, inputs))


def _record(signature: str, inputs: Mapping[str, np.ndarray]) -> bytes:
    record = _CLASSES["PredictionLog"]()
    request = record.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = MODEL, signature
    for name, value in inputs.items():
        tensor: tensor_pb2.TensorProto = tf.make_tensor_proto(value)
        request.inputs.add(key=name, value=tensor.SerializeToString())
    return record.SerializeToString()


def _classes() -> dict[str, type]:
    """Message classes in a separate pool, which does not clash with TensorFlow Serving's."""
    kinds = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="nao_tf/warm_up.proto", package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            label = kinds.LABEL_REPEATED if kind.startswith("repeated ") else kinds.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, label=label)
            kind = kind.removeprefix("repeated ")
            if kind in _MESSAGES:
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                added.type = {"string": kinds.TYPE_STRING, "bytes": kinds.TYPE_BYTES}[kind]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES
    }


_CLASSES = _classes()
