"""Vector instructions for loops that are too short for the compiler to vectorize.

LLVM vectorizes a loop for many turns, and runs one of ten as scalars after checks that
cost as much. What is here does eight entries at a time, on any processor: LLVM divides
them where its registers are shorter.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

LANES = 8


def _at(context: Any, builder: Any, array_type: Any, array: Any, offset: Any) -> Any:
    """Return the pointer to eight entries of a contiguous array."""
    data = context.make_array(array_type)(context, builder, array).data
    vector = ir.VectorType(context.get_value_type(array_type.dtype), LANES)
    return builder.bitcast(builder.gep(data, [offset]), vector.as_pointer())


def _read(builder: Any, pointer: Any, vector: Any, constant: bool = False) -> Any:
    """Load eight entries, as entries of the type of `vector`."""
    element = pointer.type.pointee.element
    loaded = builder.load(pointer, align=4 if element == ir.FloatType() else 8)
    if constant:
        loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
    if element == vector.element:
        return loaded
    return builder.fpext(loaded, vector)


def _spread(builder: Any, value: Any, vector: Any) -> Any:
    """Return eight copies of a number."""
    if value.type != vector.element:
        value = builder.fpext(value, vector.element)
    first = ir.Constant(ir.IntType(32), 0)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, first)
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(
        ir.IntType(32), LANES), [0] * LANES))  # fmt: skip


def _generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    line_type, _, *pairs = signature.args
    target = _at(context, builder, line_type, args[0], args[1])
    vector = target.type.pointee
    total = _read(builder, target, vector)
    for n in range(0, len(pairs), 2):
        scale = _spread(builder, args[2 + n], vector)
        source = _at(context, builder, pairs[n + 1], args[3 + n], args[1])
        product = builder.fmul(scale, _read(builder, source, vector), flags=("fast",))
        total = builder.fadd(total, product, flags=("fast",))
    _write(builder, total, target)
    return context.get_dummy_value()


@intrinsic
def add_scaled(typingctx, line, offset, a, v):  # type: ignore[no-untyped-def]
    """Add a * v to `line`, for the eight entries from `offset` on.

    The arrays are contiguous, and their ends not checked.
    """
    return types.void(line, types.intp, a, v), _generate


@intrinsic
def add_four_scaled(typingctx, line, offset, a0, v0, a1, v1, a2, v2, a3, v3):  # type: ignore[no-untyped-def]
    """Add a0 * v0 + a1 * v1 + a2 * v2 + a3 * v3, as `add_scaled` does one."""
    return types.void(line, types.intp, a0, v0, a1, v1, a2, v2, a3, v3), _generate


def _load_all(context: Any, builder: Any, signature: Any, args: Any) -> list[Any]:
    """Return the vectors of some arrays of one type, after the pointer to the first."""
    zero = ir.Constant(ir.IntType(64), 0)
    pointers = [
        _at(context, builder, array_type, array, zero)
        for array_type, array in zip(signature.args, args, strict=True)
    ]
    vector = pointers[0].type.pointee
    return [pointers[0], *(_read(builder, pointer, vector) for pointer in pointers)]


def _write(builder: Any, value: Any, pointer: Any) -> None:
    single = value.type.element == ir.FloatType()
    builder.store(value, pointer, align=4 if single else 8)


@intrinsic
def add_four_outer(typingctx, line, offset, row, w0, v0, w1, v1, w2, v2, w3, v3):  # type: ignore[no-untyped-def]
    """Add v0[row] * (w0 * v0) and so on to `line`, as `add_scaled` does."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        line_type, _, _, *pairs = signature.args
        target = _at(context, builder, line_type, args[0], args[1])
        vector = target.type.pointee
        total = _read(builder, target, vector)
        for n in range(0, len(pairs), 2):
            array_type, array = pairs[n + 1], args[4 + n]
            source = _at(context, builder, array_type, array, args[1])
            weighted = builder.fmul(
                _spread(builder, args[3 + n], vector),
                _read(builder, source, vector, constant=True), flags=("fast",),
            )
            data = context.make_array(array_type)(context, builder, array).data
            entry = builder.load(builder.gep(data, [args[2]]))
            entry.set_metadata("invariant.load", builder.module.add_metadata([]))
            product = builder.fmul(weighted, _spread(builder, entry, vector), flags=("fast",))
            total = builder.fadd(total, product, flags=("fast",))
        _write(builder, total, target)
        return context.get_dummy_value()

    return types.void(line, types.intp, types.intp, w0, v0, w1, v1, w2, v2, w3, v3), generate


@intrinsic
def multiply(typingctx, out, a, b):  # type: ignore[no-untyped-def]
    """Write the product of eight entries of `a` and `b`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target, _, a, b = _load_all(context, builder, signature, args)
        _write(builder, builder.fmul(a, b, flags=("fast",)), target)
        return context.get_dummy_value()

    return types.void(out, a, b), generate


@intrinsic
def subtract_product(typingctx, out, a, b):  # type: ignore[no-untyped-def]
    """Subtract the product of eight entries of `a` and `b`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target, before, a, b = _load_all(context, builder, signature, args)
        product = builder.fmul(a, b, flags=("fast",))
        _write(builder, builder.fsub(before, product, flags=("fast",)), target)
        return context.get_dummy_value()

    return types.void(out, a, b), generate
