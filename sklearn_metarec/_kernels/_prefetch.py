"""Ask for a row of a matrix before it is needed."""

from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils

# Of any type: mypy does not know that the first argument is numba's own.
intrinsic: Any = extending.intrinsic


def _prefetch(typing_context, array, row, col):
    """Fetch the cache line of `array[row, col]`; unsigned indices, without a check."""

    def generate(context, builder, signature, arguments):
        kind = signature.args[0]
        view = context.make_array(kind)(context, builder, arguments[0])
        word = context.get_value_type(types.intp)
        index = [
            builder.zext(value, word) if value.type.width < word.width else value
            for value in arguments[1:]
        ]
        place = cgutils.get_item_pointer(
            context, builder, kind, view, index, wraparound=False
        )
        place = builder.bitcast(place, ir.IntType(8).as_pointer())
        flag = ir.IntType(32)
        fetch = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [place.type, flag, flag, flag]),
            "llvm.prefetch.p0",
        )
        # To read, keep in all levels of the cache, data.
        builder.call(fetch, [place, flag(0), flag(3), flag(1)])
        return context.get_dummy_value()

    return types.void(array, row, col), generate


# Of type Any: a caller passes no typing context.
prefetch: Any = intrinsic(_prefetch)
