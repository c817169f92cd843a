"""The losses of a transformer that predicts each next item of a sequence."""

import tensorflow as tf

from sklearn_metarec.neural._tf.training import dropout, shifted, sum_of_squares

_NEVER = -1e9
_EPSILON = 1e-6
# The parameters of the whole, and of each block.
_OF_ALL, _OF_BLOCK = 4, 10


def loss(params, data, batch, settings, seed):
    """Return the cross-entropy of the next items over a sample of all items."""
    return _loss(params, data, batch, settings, seed, sampled=True)


def full_loss(params, data, batch, settings, seed):
    """Return the cross-entropy of the next items over all items."""
    return _loss(params, data, batch, settings, seed, sampled=False)


def _loss(params, data, batch, settings, seed, *, sampled):
    items = params[0]
    rate, n_heads, n_negatives, regularization = tf.unstack(settings, num=4)
    # Sequences are filled up in front with -1; here no longer than needed.
    sequences = tf.gather(data[0], batch)
    width = tf.reduce_max(tf.reduce_sum(tf.cast(sequences >= 0, tf.int32), axis=1))
    sequences = sequences[:, tf.maximum(tf.shape(sequences)[1] - width, 0) :]
    before, after = sequences[:, :-1], sequences[:, 1:]
    states = _states(params, before, rate, tf.cast(n_heads, tf.int32), seed)
    there = before >= 0
    states = tf.boolean_mask(states, there)
    after = tf.boolean_mask(after, there)

    positive = tf.reduce_sum(states * tf.gather(items, after), axis=1)
    if sampled:
        n_items = tf.shape(items)[0]
        drawn = tf.random.stateless_uniform(
            [tf.cast(n_negatives, tf.int32)], seed[::-1], 0, n_items, tf.int32
        )
        logits = tf.matmul(states, tf.gather(items, drawn), transpose_b=True)
        # A sample of a share of all stands for all, but for the next item itself.
        logits += tf.math.log(tf.cast(n_items, tf.float32) / n_negatives)
        logits = tf.where(after[:, None] == drawn, _NEVER, logits)
        norms = tf.reduce_logsumexp(
            tf.concat([positive[:, None], logits], axis=1), axis=1
        )
    else:
        logits = tf.matmul(states, items, transpose_b=True)
        norms = tf.reduce_logsumexp(logits, axis=1)
    n_next = tf.cast(tf.maximum(tf.size(after), 1), tf.float32)
    value = tf.reduce_sum(norms - positive) / n_next
    return value + regularization * sum_of_squares((items,))


def _states(params, items, rate, n_heads, seed):
    """Return what is known after each item: Kang and McAuley, section 3."""
    table, positions, scale, shift = params[:_OF_ALL]
    length, width = tf.shape(items)[1], tf.shape(table)[1]
    there = items >= 0
    x = tf.gather(table, tf.maximum(items, 0)) * tf.sqrt(tf.cast(width, tf.float32))
    x += positions[:length][::-1]  # counted from the end
    x = dropout(x, rate, shifted(seed, 1)) * tf.cast(there, tf.float32)[:, :, None]
    earlier = tf.linalg.band_part(tf.ones([length, length], tf.bool), -1, 0)
    visible = (earlier & there[:, None, :])[:, None]
    for number, first in enumerate(range(_OF_ALL, len(params), _OF_BLOCK)):
        block = params[first : first + _OF_BLOCK]
        x = _block(x, block, visible, n_heads, rate, shifted(seed, 10 * (number + 1)))
    return _normalized(x, scale, shift)


def _block(x, block, visible, n_heads, rate, seed):
    query, key, value, scale, shift, inner, inner_bias, outer, outer_bias, norms = block
    shape = tf.concat([tf.shape(x)[:2], [n_heads, -1]], axis=0)
    y = _normalized(x, scale, shift)
    q, k, v = (
        tf.transpose(tf.reshape(part, shape), (0, 2, 1, 3))
        for part in (y @ query, x @ key, x @ value)
    )
    size = tf.cast(tf.shape(q)[-1], tf.float32)
    logits = tf.matmul(q, k, transpose_b=True) * tf.math.rsqrt(size)
    attention = tf.nn.softmax(tf.where(visible, logits, _NEVER))
    attention = dropout(attention, rate, shifted(seed, 1))
    mixed = tf.reshape(tf.transpose(attention @ v, (0, 2, 1, 3)), tf.shape(x))
    x = y + mixed
    y = _normalized(x, norms[0], norms[1])
    hidden = dropout(tf.nn.relu(y @ inner + inner_bias), rate, shifted(seed, 2))
    return x + dropout(hidden @ outer + outer_bias, rate, shifted(seed, 3))


def _normalized(x, scale, shift):
    mean = tf.reduce_mean(x, axis=-1, keepdims=True)
    above = x - mean
    variance = tf.reduce_mean(above * above, axis=-1, keepdims=True)
    return above * tf.math.rsqrt(variance + _EPSILON) * scale + shift
