"""A program without TensorFlow's Python: answers requests with the C++ session that model servers use.

cpp_session.py LIBRARY DIRECTORY <REQUESTS >ANSWERS

A request is a line of JSON: `inputs`, lists of [operation, index, number of the dtype, shape, values], the values as
hexadecimal bytes or, of strings, as a list of those; and `outputs`, [operation, index] of the one output to compute.
An answer is a line of JSON: `error`, the message, or `shape` and `data`, hexadecimal bytes (not for strings).
"""

import ctypes
import json
import math
import sys

STRING, STRING_SIZE = 7, 24
POINTERS = (
    *("TF_NewStatus", "TF_NewGraph", "TF_NewSessionOptions", "TF_LoadSessionFromSavedModel"),
    *("TF_AllocateTensor", "TF_TensorData", "TF_GraphOperationByName"),
)
POINTER = ctypes.c_void_p


class Output(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


class Session:
    def __init__(self, library, directory):
        self.c = ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
        for name in POINTERS:
            getattr(self.c, name).restype = POINTER
        self.c.TF_Message.restype = ctypes.c_char_p
        self.c.TF_TensorByteSize.restype = ctypes.c_size_t
        self.c.TF_Dim.restype = ctypes.c_int64
        self.c.TF_AllocateTensor.argtypes = [ctypes.c_int, POINTER, ctypes.c_int, ctypes.c_size_t]
        self.c.TF_StringCopy.argtypes = [POINTER, ctypes.c_char_p, ctypes.c_size_t]
        self.status, self.graph = POINTER(self.c.TF_NewStatus()), POINTER(self.c.TF_NewGraph())
        tags, options = (ctypes.c_char_p * 1)(b"serve"), POINTER(self.c.TF_NewSessionOptions())
        self.session = POINTER(
            self.c.TF_LoadSessionFromSavedModel(
                options, None, directory.encode(), tags, 1, self.graph, None, self.status
            )
        )
        if self.c.TF_GetCode(self.status):
            sys.exit(self.c.TF_Message(self.status).decode())

    def find(self, operation, index):
        return Output(self.c.TF_GraphOperationByName(self.graph, operation.encode()), index)

    def tensor(self, dtype, shape, values):
        strings = [bytes.fromhex(value) for value in values] if dtype == STRING else None
        content = b"" if strings is not None else bytes.fromhex(values)
        size = STRING_SIZE * len(strings) if strings is not None else len(content)
        sizes = (ctypes.c_int64 * max(1, len(shape)))(*shape)
        tensor = POINTER(self.c.TF_AllocateTensor(dtype, sizes, len(shape), size))
        if strings is None:
            ctypes.memmove(self.c.TF_TensorData(tensor), content, size)
        for number, string in enumerate(strings or []):
            place = POINTER(self.c.TF_TensorData(tensor) + STRING_SIZE * number)
            self.c.TF_StringInit(place)
            self.c.TF_StringCopy(place, string, len(string))
        return tensor

    def answer(self, request):
        inputs = request["inputs"]
        places = (Output * len(inputs))(*(self.find(*each[:2]) for each in inputs))
        tensors = (POINTER * len(inputs))(*(self.tensor(*each[2:]) for each in inputs))
        wanted, found = (Output * 1)(self.find(*request["output"])), (POINTER * 1)()
        none = [None, 0, None, self.status]
        self.c.TF_SessionRun(self.session, None, places, tensors, len(inputs), wanted, found, 1, *none)
        if self.c.TF_GetCode(self.status):
            return {"error": self.c.TF_Message(self.status).decode(errors="replace")}
        tensor = POINTER(found[0])
        shape = [self.c.TF_Dim(tensor, axis) for axis in range(self.c.TF_NumDims(tensor))]
        if self.c.TF_TensorType(tensor) == STRING or not math.prod(shape):
            return {"shape": shape, "data": ""}
        size = self.c.TF_TensorByteSize(tensor)
        return {"shape": shape, "data": ctypes.string_at(POINTER(self.c.TF_TensorData(tensor)), size).hex()}


if __name__ == "__main__":
    session = Session(*sys.argv[1:])
    for line in sys.stdin:
        print(json.dumps(session.answer(json.loads(line))), flush=True)
