"""SplitMix64 (Steele, Lea and Flood 2014): a counter, and a hash of it.

A stream is one unsigned 64-bit number, which the caller keeps: draws that depend on a
seed and a row alone do not depend on threads or on the order of rows.
"""

import numpy as np

from sklearn_metarec._kernels._jit import jit

STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@jit
def mix(state):
    """Return 64 random bits that are a function of the state."""
    z = (state ^ (state >> np.uint64(30))) * _MIX_1
    z = (z ^ (z >> np.uint64(27))) * _MIX_2
    return z ^ (z >> np.uint64(31))


@jit
def stream(seed, row):
    """Return the first state of the stream of a row."""
    return mix(seed ^ mix(np.uint64(row) + STEP))


@jit
def uniform(state):
    """Return the next state and a number in (0, 1), ends excluded."""
    state += STEP
    bits = mix(state) >> np.uint64(11)
    return state, (np.float64(bits) + 0.5) * 2.0**-53


@jit
def below(state, n):
    """Return the next state and a whole number below `n`, which is less than 2^32."""
    state += STEP
    # The product's high half instead of a remainder, which takes longer.
    return state, ((mix(state) >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32)
