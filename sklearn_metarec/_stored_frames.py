"""Dataframes in a file of `save`: as plain arrays, of which no code can be made."""

import io
import json
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

# What has been stored for the file that is being written, by the id of the frame: one
# that several estimators share is stored once. Otherwise None.
_stored: ContextVar[dict | None] = ContextVar("stored", default=None)
# Dtypes of pandas that are an array and a mask.
_MASKED = {
    *(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)),
    "Float32", "Float64", "boolean",
}  # fmt: skip


@contextmanager
def storing_frames():
    """Within the block, the state of what keeps frames has them stored."""
    token = _stored.set({})
    try:
        yield
    finally:
        _stored.reset(token)


def with_stored_frames(state):
    """Return the state of an object, its frames stored where a file is being written.

    Parameters
    ----------
    state : dict
        As of `__getstate__`; it is not changed.

    Returns
    -------
    state : dict
        For `__getstate__` to return.
    """
    done = _stored.get()
    if done is None:
        return state
    return {name: _store_frame(value, done) for name, value in state.items()}


def without_stored_frames(state):
    """Return the state of an object with the frames that it had.

    Parameters
    ----------
    state : dict
        As `__setstate__` gets it.

    Returns
    -------
    state : dict
        For `__setstate__` to keep.
    """
    return {
        name: value.restore() if isinstance(value, StoredFrame) else value
        for name, value in state.items()
    }


def _store_frame(value, done):
    module = type(value).__module__.partition(".")[0]
    if type(value).__name__ != "DataFrame" or module not in ("pandas", "polars"):
        return value
    if id(value) not in done:
        # With the frame, so that no other one gets its id.
        done[id(value)] = value, StoredFrame(module, value)
    return done[id(value)][1]


class StoredFrame:
    """A dataframe as arrays.

    Parameters
    ----------
    module : {"pandas", "polars"}
        Whose it is.
    frame : DataFrame
        The frame.
    """

    def __init__(self, module, frame):
        self.module = module
        self.content = _of_polars(frame) if module == "polars" else _of_pandas(frame)
        self._frame = None

    def __getstate__(self):
        return {"module": self.module, "content": self.content}

    def __setstate__(self, state):
        self.module, self.content = state["module"], state["content"]
        self._frame = None

    def restore(self):
        """Return the frame, the same one each time."""
        if self._frame is None:
            back = _to_polars if self.module == "polars" else _to_pandas
            self._frame = back(self.content)
        return self._frame


def _of_polars(frame):
    file = io.BytesIO()
    frame.write_ipc(file)
    return np.frombuffer(file.getvalue(), dtype=np.uint8)


def _to_polars(content):
    import polars as pl

    return pl.read_ipc(io.BytesIO(content.tobytes()))


def _of_pandas(frame):
    import pandas as pd

    labels = [getattr(label, "item", lambda x=label: x)() for label in frame.columns]
    if (
        any(type(label) not in (str, int) for label in labels)
        or frame.index.nlevels > 1
    ):
        raise TypeError(
            "A side table can only be saved with one level of rows and columns, and "
            f"columns named by text or integers, got {labels[:5]}."
        )
    numbered = frame.index.equals(pd.RangeIndex(len(frame)))
    # By position, since several columns may have one name.
    columns = [_of_column(frame.iloc[:, j], labels[j]) for j in range(len(labels))]
    return {
        "labels": _as_bytes(labels),
        "columns": columns,
        "n_rows": len(frame),
        "index": None if numbered else _of_column(pd.Series(frame.index), "the index"),
        "index_name": frame.index.name,
    }


def _to_pandas(content):
    import pandas as pd

    index = content["index"]
    index = pd.RangeIndex(content["n_rows"]) if index is None else _to_column(index)
    frame = pd.DataFrame(
        dict(enumerate(_to_column(column) for column in content["columns"])),
        index=pd.RangeIndex(content["n_rows"]),
    )
    if content["columns"]:
        frame.columns = _from_bytes(content["labels"])
    frame.index = pd.Index(index, name=content["index_name"])
    return frame


def _of_column(column, label):
    import pandas as pd

    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biufcmM":
        return {"kind": "array", "values": np.ascontiguousarray(column.to_numpy())}
    if isinstance(dtype, pd.CategoricalDtype):
        categories = _of_column(pd.Series(dtype.categories), label)
        codes = column.cat.codes.to_numpy()
        return {
            "kind": "categories", "values": codes, "categories": categories,
            "ordered": bool(dtype.ordered),
        }  # fmt: skip
    if isinstance(dtype, pd.DatetimeTZDtype):
        values = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        return {"kind": "zoned", "values": values, "zone": str(dtype.tz)}
    if str(dtype) in _MASKED:
        missing = column.isna().to_numpy()
        values = column.fillna(False if dtype == "boolean" else 0)
        values = values.to_numpy(dtype=dtype.numpy_dtype)
        return {
            "kind": "masked", "values": values, "missing": missing, "dtype": str(dtype),
        }  # fmt: skip
    if isinstance(dtype, pd.StringDtype) or dtype.kind == "O":
        kind = str(dtype) if isinstance(dtype, pd.StringDtype) else "values"
        return {"kind": kind, "values": _as_bytes(_plain(column, kind, label))}
    raise TypeError(
        f"The column {label!r} of type {dtype} cannot be saved: convert it."
    )


def _plain(column, kind, label):
    """Return values that JSON can hold and give back."""
    if kind != "values":
        return column.astype(object).where(column.notna(), None).to_list()
    values = [
        value.item() if isinstance(value, np.generic) else value
        for value in column.to_list()
    ]
    others = {type(v) for v in values} - {str, int, float, bool, type(None)}
    if others:
        names = ", ".join(sorted(other.__name__ for other in others))
        raise TypeError(
            f"The column {label!r} holds {names}, which cannot be saved: convert it to "
            "text or numbers."
        )
    return values


def _to_column(stored):
    import pandas as pd

    kind, values = stored["kind"], stored["values"]
    if kind == "array":
        return values
    if kind == "categories":
        categories = pd.Index(_to_column(stored["categories"]))
        return pd.Categorical.from_codes(values, categories, stored["ordered"])
    if kind == "zoned":
        return pd.DatetimeIndex(values).tz_localize("UTC").tz_convert(stored["zone"])
    if kind == "masked":
        column = pd.array(values, dtype=stored["dtype"])
        column[stored["missing"]] = pd.NA
        return column
    if kind in ("str", "string"):
        return pd.array(_from_bytes(values), dtype=kind)
    if kind == "values":
        return pd.Series(_from_bytes(values), dtype=object)
    raise ValueError(f"A column of an unknown kind, {kind!r}.")


def _as_bytes(values):
    return np.frombuffer(json.dumps(values).encode("ascii"), dtype=np.uint8)


def _from_bytes(array):
    return json.loads(array.tobytes())
