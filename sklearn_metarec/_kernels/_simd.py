"""Vector instructions for loops that are too short for the compiler to vectorize.

LLVM vectorizes a loop for many turns, and runs one of ten as scalars, after checks that
cost as much. What is here does eight entries at a time, on any processor: LLVM divides
them where its registers are shorter. Arrays have to be contiguous; their ends are not
checked. Products of integers (`dot_tile`) are a single instruction in one form alone.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils

# Of any type: mypy does not know that the first argument is numba's own.
intrinsic: Any = extending.intrinsic
LANES = 8
# Items of a tile of `dot_tile`, and users that share the reading of it.
TILE = 16
USERS = 4
_FAST = ("fast",)


class _Writer:
    """Write the instructions of one call: eight entries of `out`, in its type."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Any) -> None:
        self.context, self.builder = context, builder
        self.types, self.args = signature.args, args
        element = context.get_value_type(self.types[0].dtype)
        self.vector = ir.VectorType(element, LANES)

    def place(self, n: int, offset: Any) -> Any:
        """Return the pointer to entry `offset` of the array that is argument n."""
        make = self.context.make_array(self.types[n])
        data = make(self.context, self.builder, self.args[n]).data
        return self.builder.gep(data, [offset])

    def read(self, n: int, offset: Any, *, constant: bool = False) -> Any:
        """Load eight entries of an array, which nobody writes to if `constant`."""
        place = self.place(n, offset)
        element = place.type.pointee
        pointer = ir.VectorType(element, LANES).as_pointer()
        loaded = self.builder.load(
            self.builder.bitcast(place, pointer), align=_size(element)
        )
        if constant:
            self._is_constant(loaded)
        if element == self.vector.element:
            return loaded
        return self.builder.fpext(loaded, self.vector)

    def entry(self, n: int, offset: Any) -> Any:
        """Load one entry of an array, which nobody writes to, eight times over."""
        loaded = self.builder.load(self.place(n, offset))
        self._is_constant(loaded)
        return self.spread(loaded)

    def _is_constant(self, loaded: Any) -> None:
        # Else each write to `out` would have all else read again: it may be the same.
        nothing = self.builder.module.add_metadata([])
        loaded.set_metadata("invariant.load", nothing)

    def spread(self, number: Any) -> Any:
        """Return eight copies of a number."""
        if number.type != self.vector.element:
            number = self.builder.fpext(number, self.vector.element)
        index = ir.IntType(32)
        empty = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(empty, number, ir.Constant(index, 0))
        everywhere = ir.Constant(ir.VectorType(index, LANES), [0] * LANES)
        return self.builder.shuffle_vector(first, first, everywhere)

    def product(self, a: Any, b: Any) -> Any:
        return self.builder.fmul(a, b, flags=_FAST)

    def write(self, value: Any, offset: Any) -> Any:
        """Store eight entries of `out`; return what stands for None."""
        pointer = self.builder.bitcast(self.place(0, offset), self.vector.as_pointer())
        self.builder.store(value, pointer, align=_size(self.vector.element))
        return self.context.get_dummy_value()


def _size(element: Any) -> int:
    return 4 if element == ir.FloatType() else 8


def _add_scaled(*call: Any) -> Any:
    writer = _Writer(*call)
    offset = writer.args[1]
    total = writer.read(0, offset)
    for n in range(2, len(writer.args), 2):
        source = writer.read(n + 1, offset, constant=True)
        product = writer.product(writer.spread(writer.args[n]), source)
        total = writer.builder.fadd(total, product, flags=_FAST)
    return writer.write(total, offset)


def _add_outer(*call: Any) -> Any:
    writer = _Writer(*call)
    offset, row = writer.args[1:3]
    total = writer.read(0, offset)
    for n in range(3, len(writer.args), 2):
        source = writer.read(n + 1, offset, constant=True)
        weighted = writer.product(writer.spread(writer.args[n]), source)
        product = writer.product(weighted, writer.entry(n + 1, row))
        total = writer.builder.fadd(total, product, flags=_FAST)
    return writer.write(total, offset)


def _multiply(*call: Any) -> Any:
    writer = _Writer(*call)
    start = ir.Constant(ir.IntType(64), 0)
    return writer.write(
        writer.product(writer.read(1, start), writer.read(2, start)), start
    )


def _subtract_product(*call: Any) -> Any:
    writer = _Writer(*call)
    start = ir.Constant(ir.IntType(64), 0)
    product = writer.product(writer.read(1, start), writer.read(2, start))
    rest = writer.builder.fsub(writer.read(0, start), product, flags=_FAST)
    return writer.write(rest, start)


@intrinsic
def add_scaled(_: Any, out: Any, offset: Any, a: Any, v: Any) -> Any:
    """Add a * v to `out`, for the eight entries from `offset` on."""
    return types.void(out, types.intp, a, v), _add_scaled


@intrinsic
def add_four_scaled(
    _: Any, out: Any, offset: Any, a0: Any, v0: Any, a1: Any, v1: Any, a2: Any, v2: Any,
    a3: Any, v3: Any,
) -> Any:  # fmt: skip
    """Add a0 * v0 + a1 * v1 + a2 * v2 + a3 * v3, as `add_scaled` does one."""
    pairs = (a0, v0, a1, v1, a2, v2, a3, v3)
    return types.void(out, types.intp, *pairs), _add_scaled


@intrinsic
def add_four_outer(
    _: Any, out: Any, offset: Any, row: Any, w0: Any, v0: Any, w1: Any, v1: Any,
    w2: Any, v2: Any, w3: Any, v3: Any,
) -> Any:  # fmt: skip
    """Add the row `row` of the sum of w v v' to `out`: eight entries from `offset`."""
    pairs = (w0, v0, w1, v1, w2, v2, w3, v3)
    return types.void(out, types.intp, types.intp, *pairs), _add_outer


@intrinsic
def multiply(_: Any, out: Any, a: Any, b: Any) -> Any:
    """Write the products of eight entries of `a` and `b`."""
    return types.void(out, a, b), _multiply


@intrinsic
def subtract_product(_: Any, out: Any, a: Any, b: Any) -> Any:
    """Subtract the products of eight entries of `a` and `b`."""
    return types.void(out, a, b), _subtract_product


@intrinsic
def dot_tile(_: Any, out: Any, users: Any, items: Any, n_pairs: Any) -> Any:
    """Write the products of four users with the sixteen items of a tile.

    The numbers of two factors stand side by side, which is the one form of integer
    products that LLVM turns into a single instruction (pmaddwd, with the addition
    vpdpwssd): twice the products of a float's. Its accumulators stay in registers.
    """
    return types.void(out, users, items, types.intp), _write_dot_tile


def _write_dot_tile(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    def pointer(n: int) -> Any:
        make = context.make_array(signature.args[n])
        return make(context, builder, args[n]).data

    out, users, items, n_pairs = pointer(0), pointer(1), pointer(2), args[3]
    index = ir.IntType(32)
    narrow, wide = (ir.VectorType(ir.IntType(size), 2 * TILE) for size in (8, 32))
    total = ir.VectorType(ir.IntType(32), TILE)
    pair = ir.VectorType(ir.IntType(16), 2)

    def pick(vector: Any, places: list[int]) -> Any:
        mask = ir.Constant(ir.VectorType(index, len(places)), places)
        return builder.shuffle_vector(vector, vector, mask)

    sums = [cgutils.alloca_once(builder, total) for _ in range(USERS)]
    for place in sums:
        builder.store(ir.Constant(total, None), place)
    with cgutils.for_range(builder, n_pairs) as loop:
        at = builder.mul(loop.index, ir.Constant(loop.index.type, 2 * TILE))
        source = builder.bitcast(builder.gep(items, [at]), narrow.as_pointer())
        item = builder.sext(builder.load(source, align=1), wide)
        for user, place in enumerate(sums):
            row = builder.mul(n_pairs, ir.Constant(n_pairs.type, user))
            at = builder.mul(
                builder.add(row, loop.index), ir.Constant(loop.index.type, 2)
            )
            source = builder.bitcast(builder.gep(users, [at]), pair.as_pointer())
            own = builder.load(source, align=2)
            own = builder.sext(pick(own, [0, 1] * TILE), wide)
            both = builder.mul(item, own, flags=("nsw",))
            first, second = (
                pick(both, list(range(half, 2 * TILE, 2))) for half in (0, 1)
            )
            products = builder.add(first, second)
            builder.store(builder.add(builder.load(place), products), place)
    for user, place in enumerate(sums):
        at = ir.Constant(index, user * TILE)
        target = builder.bitcast(builder.gep(out, [at]), total.as_pointer())
        builder.store(builder.load(place), target, align=4)
    return context.get_dummy_value()
