"""The loss of two towers: a softmax over the items of a batch."""

import tensorflow as tf

from sklearn_metarec.neural._tf.training import (
    dropout,
    shifted,
    sum_of_squares,
    take_rows,
)

# Pairs a step at most: their items are each other's negatives.
_PAIRS = 2048
_NEVER = -1e9


def loss(params, data, batch, settings, seed):
    """Return the cross-entropy of the batch's pairs, and the penalty."""
    user_ids, bag, user_features, *user_tower = params[:5]
    item_ids, item_features, *item_tower = params[5:]
    indptr, cols, log_shares, *features = data
    rate, id_rate, regularization = tf.unstack(settings, num=3)
    rows, entries = take_rows(indptr, batch)
    cols = tf.gather(cols, entries)
    n_users = tf.size(batch)

    # The user: some of the items, the id at times, the features.
    kept = dropout(tf.ones_like(rows, dtype=tf.float32), rate, seed)
    sums = tf.math.unsorted_segment_sum(
        kept[:, None] * tf.gather(bag, cols), rows, n_users
    )
    count = tf.math.unsorted_segment_sum(tf.ones_like(kept), rows, n_users)
    inputs = sums * tf.math.rsqrt(tf.maximum(count, 1.0))[:, None]
    inputs += _ids(user_ids, batch, id_rate, shifted(seed, 1))
    inputs += _described(user_features, features[:3], batch)
    users = _tower(inputs, user_tower)

    # The items of some of the pairs.
    chosen = tf.argsort(tf.random.stateless_uniform(tf.shape(rows), seed[::-1]))
    chosen = chosen[:_PAIRS]
    rows_of, items_of = tf.gather(rows, chosen), tf.gather(cols, chosen)
    inputs = _ids(item_ids, items_of, id_rate, shifted(seed, 2))
    inputs += _described(item_features, features[3:], items_of)
    items = _tower(inputs, item_tower)

    # Items enter a batch as often as they are had: Yi et al., equation 3.
    logits = tf.matmul(users, items, transpose_b=True) - tf.gather(log_shares, items_of)
    own = tf.scatter_nd(
        tf.stack([rows, cols], axis=1), tf.ones_like(kept),
        tf.stack([n_users, tf.size(log_shares)]),
    )  # fmt: skip
    others = tf.where(tf.gather(own, items_of, axis=1) > 0, _NEVER, logits)
    norms = tf.gather(tf.reduce_logsumexp(others, axis=1), rows_of)
    places = tf.stack([rows_of, tf.range(tf.size(chosen))], axis=1)
    positive = tf.gather_nd(logits, places)
    value = tf.reduce_sum(tf.nn.softplus(norms - positive))
    value /= tf.cast(tf.maximum(tf.size(chosen), 1), tf.float32)
    tables = (user_ids, bag, user_features, item_ids, item_features)
    return value + regularization * sum_of_squares(tables)


def _ids(table, ids, rate, seed):
    kept = dropout(tf.ones_like(ids, dtype=tf.float32), rate, seed) * (1 - rate)
    return kept[:, None] * tf.gather(table, ids)


def _described(table, features, ids):
    indptr, indices, values = features
    rows, entries = take_rows(indptr, ids)
    found = tf.gather(table, tf.gather(indices, entries))
    weighted = tf.gather(values, entries)[:, None] * found
    return tf.math.unsorted_segment_sum(weighted, rows, tf.size(ids))


def _tower(inputs, layers):
    inner, outer = layers
    return inputs + tf.nn.relu(inputs @ inner) @ outer
