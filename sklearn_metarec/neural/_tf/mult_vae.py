"""The loss of variational and of denoising autoencoders of histories."""

import tensorflow as tf

from sklearn_metarec.neural._tf.training import dropout, sum_of_squares, take_rows


def loss(params, data, batch, settings, seed):
    """Return minus the evidence lower bound, per user, and the penalty."""
    into, b_in, to_mean, b_mean, to_log_var, b_log_var, out_of, b_out, items, b = params
    indptr, cols, values = data
    rate, beta, noise, regularization = tf.unstack(settings, num=4)
    rows, entries = take_rows(indptr, batch)
    cols, values = tf.gather(cols, entries), tf.gather(values, entries)
    n_users = tf.size(batch)

    squares = tf.math.unsorted_segment_sum(values * values, rows, n_users)
    scaled = values * tf.gather(tf.math.rsqrt(tf.maximum(squares, 1e-12)), rows)
    scaled = dropout(scaled, rate, seed)
    sums = tf.math.unsorted_segment_sum(
        scaled[:, None] * tf.gather(into, cols), rows, n_users
    )
    hidden = tf.tanh(sums + b_in)
    mean, log_var = hidden @ to_mean + b_mean, hidden @ to_log_var + b_log_var
    drawn = tf.random.stateless_normal(tf.shape(mean), seed[::-1])
    latent = mean + noise * tf.exp(0.5 * log_var) * drawn
    hidden = tf.tanh(latent @ out_of + b_out)
    logits = tf.matmul(hidden, items, transpose_b=True) + b

    # Equation 2 of Liang et al., for the items that a user has: no other counts.
    chosen = tf.gather_nd(logits, tf.stack([rows, cols], axis=1))
    norms = tf.gather(tf.reduce_logsumexp(logits, axis=1), rows)
    likelihood = tf.reduce_sum(values * (chosen - norms))
    divergence = 0.5 * tf.reduce_sum(tf.exp(log_var) - log_var - 1 + mean * mean)
    mean_over = tf.cast(n_users, tf.float32)
    penalty = sum_of_squares((into, to_mean, out_of, items))
    return (beta * divergence - likelihood) / mean_over + regularization * penalty
