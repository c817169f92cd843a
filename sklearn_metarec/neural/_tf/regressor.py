"""The loss of a shared hidden layer with a head of each user's own."""

import tensorflow as tf

from sklearn_metarec.neural._tf.training import dropout, sum_of_squares, take_rows


def loss(params, data, batch, settings, seed):
    """Return the weighted mean squared error of some ratings, and the penalties."""
    items, theta, of_features, offsets, heads, user_bias, item_bias = params
    rows, cols, ratings, weights, indptr, indices, values = data
    rate, l2, l1, of_biases = tf.unstack(settings, num=4)
    rows, cols = tf.gather(rows, batch), tf.gather(cols, batch)
    pair, entries = take_rows(indptr, cols)
    described = tf.math.unsorted_segment_sum(
        tf.gather(values, entries)[:, None]
        * tf.gather(of_features, tf.gather(indices, entries)),
        pair, tf.size(batch),
    )  # fmt: skip
    hidden = tf.sigmoid(tf.gather(items, cols) @ theta + described + offsets)
    products = dropout(hidden, rate, seed) * tf.gather(heads, rows)
    biases = tf.gather(user_bias, rows) + tf.gather(item_bias, cols)
    error = biases + tf.reduce_sum(products, axis=1) - tf.gather(ratings, batch)
    weights = tf.gather(weights, batch)
    mean = tf.reduce_sum(weights * error * error) / tf.reduce_sum(weights)
    absolute = tf.reduce_sum(tf.abs(theta)) + tf.reduce_sum(tf.abs(of_features))
    squares = sum_of_squares((items, theta, of_features, heads))
    biases = sum_of_squares((user_bias, item_bias))
    return mean + l2 * squares + l1 * absolute + of_biases * biases
