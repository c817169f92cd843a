"""The loss of neural matrix factorization: own items against drawn ones."""

import tensorflow as tf

from sklearn_metarec.neural._tf.training import (
    dropout,
    shifted,
    sum_of_squares,
    take_rows,
)

# Pairs a step at most.
_PAIRS = 4096
# The parameters before those of the further layers.
_OF_ALL = 8


def loss(params, data, batch, settings, seed):
    """Return the cross-entropy of the batch's pairs and of drawn ones."""
    ids, bag, items, gmf, into_user, into_item, biases, mlp = params[:_OF_ALL]
    layers = params[_OF_ALL:]
    indptr, cols = data
    rate, id_rate, n_negatives, regularization = tf.unstack(settings, num=4)
    rows, entries = take_rows(indptr, batch)
    cols = tf.gather(cols, entries)
    n_users, n_items = tf.size(batch), tf.shape(items)[0]

    # The user: some of the items, the id at times.
    kept = dropout(tf.ones_like(rows, dtype=tf.float32), rate, seed)
    count = tf.math.unsorted_segment_sum(tf.ones_like(kept), rows, n_users)
    kept *= tf.gather(tf.math.rsqrt(tf.maximum(count, 1.0)), rows)
    users = tf.math.unsorted_segment_sum(
        kept[:, None] * tf.gather(bag, cols), rows, n_users
    )
    known = dropout(tf.ones_like(batch, tf.float32), id_rate, shifted(seed, 1))
    users += (1 - id_rate) * known[:, None] * tf.gather(ids, batch)

    # Some of the pairs; the user's vector without what the item itself added to it.
    chosen = tf.argsort(tf.random.stateless_uniform(tf.shape(rows), seed[::-1]))
    chosen = chosen[:_PAIRS]
    rows_of, items_of = tf.gather(rows, chosen), tf.gather(cols, chosen)
    without = tf.gather(kept, chosen)[:, None] * tf.gather(bag, items_of)

    def logits(vectors, of):
        q_gmf, q_mlp = tf.split(tf.gather(items, of), 2, axis=1)
        p_gmf, p_mlp = tf.split(vectors, 2, axis=1)
        hidden = tf.nn.relu(p_mlp @ into_user + q_mlp @ into_item + biases)
        for weights, shift in zip(layers[::2], layers[1::2], strict=True):
            hidden = tf.nn.relu(hidden @ weights + shift)
        return tf.linalg.matvec(p_gmf * q_gmf, gmf) + tf.linalg.matvec(hidden, mlp)

    positive = logits(tf.gather(users, rows_of) - without, items_of)

    # Of each of them, items that the user does not have.
    n_drawn = tf.size(chosen) * tf.cast(n_negatives, tf.int32)
    drawn = tf.random.stateless_uniform(
        [n_drawn], shifted(seed[::-1], 1), 0, n_items, tf.int32
    )
    rows_drawn = tf.repeat(rows_of, tf.cast(n_negatives, tf.int32))
    own = tf.scatter_nd(
        tf.stack([rows, cols], axis=1), tf.ones_like(kept), tf.stack([n_users, n_items])
    )
    new = tf.gather_nd(own, tf.stack([rows_drawn, drawn], axis=1)) == 0
    negative = logits(tf.gather(users, rows_drawn), drawn)
    value = tf.reduce_sum(tf.nn.softplus(-positive))
    value += tf.reduce_sum(tf.where(new, tf.nn.softplus(negative), 0.0))
    value /= tf.cast(tf.maximum(tf.size(chosen), 1), tf.float32)
    return value + regularization * sum_of_squares((ids, bag, items))
