"""Gradients of the meta-learner's loss: after the inner loop, over a batch of users.

Arrays in, arrays out. A step is traced once a process for each form of the model,
whatever the sizes of the batch and of the model are.

Notation: a row of a user has the item's features x and own vector v, the encoder makes
e = f(x W + b + v) of them, z is [1, e] (or e), the prediction is z h. `m` is where a
head starts, or to where its penalty draws it. Rows are padded with weight zero.
"""

from functools import cache

import tensorflow as tf

ACTIVATIONS = {
    "linear": tf.identity,
    "relu": tf.nn.relu,
    "tanh": tf.tanh,
    "sigmoid": tf.sigmoid,
}
# The derivative at f(a), by the value e = f(a).
DERIVATIVES = {
    "linear": tf.ones_like,
    "relu": lambda e: tf.cast(e > 0, e.dtype),
    "tanh": lambda e: 1 - e**2,
    "sigmoid": lambda e: e * (1 - e),
}
_SHAPES = {
    "W": [None, None], "b": [None], "mean": [None], "coef": [None, None],
    "log_precision": [None], "log_rate": [], "own": [None, None],
}  # fmt: skip
PARAMETERS = tuple(_SHAPES)

# How often a step was traced: a test looks at it.
n_traces = 0


@cache
def loss_and_gradients(inner, encoder, constant, n_steps, second_order):
    """Return the traced function of one form of the model.

    Parameters
    ----------
    inner : {"ridge", "anil", "maml", "reptile"}
        The inner loop.
    encoder : {"linear", "relu", "tanh", "sigmoid"}
        The encoder's activation. After "sigmoid", so is the output.
    constant : bool
        Whether z has a one.
    n_steps : int
        Steps of an inner loop by gradient descent.
    second_order : bool
        Whether "maml" differentiates through the gradients of its steps.

    Returns
    -------
    function : callable
        Called with `PARAMETERS`, then the features x of the batch's items, the users'
        features, for support and query the places of the items, the targets and the
        weights, then the penalty of the items' own vectors. Returns the loss and one
        gradient a parameter.
    """
    model = _Model(inner, encoder, constant, n_steps, second_order)
    rows = [
        tf.TensorSpec([None, None], tf.int32),
        tf.TensorSpec([None, None], tf.float32),
        tf.TensorSpec([None, None], tf.float32),
    ]
    signature = [tf.TensorSpec(shape, tf.float32) for shape in _SHAPES.values()]
    signature += [tf.TensorSpec([None, None], tf.float32)] * 2 + rows * 2
    signature.append(tf.TensorSpec([], tf.float32))
    return tf.function(model.step, input_signature=signature)


class _Model:
    def __init__(self, inner, encoder, constant, n_steps, second_order):
        self.inner, self.encoder, self.constant = inner, encoder, constant
        self.n_steps = n_steps
        self.stop = tf.identity if second_order else tf.stop_gradient
        self.f, self.df = ACTIVATIONS[encoder], DERIVATIVES[encoder]

    def step(self, *args):
        global n_traces
        n_traces += 1
        parameters, batch = args[: len(PARAMETERS)], args[len(PARAMETERS) :]
        with tf.GradientTape() as tape:
            tape.watch(parameters)
            p = dict(zip(PARAMETERS, parameters, strict=True))
            loss, adapted = self.loss(p, *batch)
        zero = tf.UnconnectedGradients.ZERO
        gradients = tape.gradient(loss, parameters, unconnected_gradients=zero)
        if self.inner == "reptile":
            gradients = self.displacements(p, adapted, batch[1], gradients)
        return loss, gradients

    def loss(self, p, x, users, s_place, s_target, s_weight, *rest):
        """Return the loss of the queries, and the adapted (W, b, h)."""
        q_place, q_target, q_weight, penalty = rest
        m = p["mean"] + users @ p["coef"]
        shared = tf.shape(m)[0], 1, 1
        adapted = tf.tile(p["W"][None], shared), tf.tile(p["b"][None, None], shared), m
        if self.inner in ("ridge", "anil"):
            e = self.f(x @ p["W"] + p["b"] + p["own"])
            z_support = self.with_one(tf.gather(e, s_place))
            z_query = self.with_one(tf.gather(e, q_place))
            if self.inner == "ridge":
                precision = tf.exp(p["log_precision"])
                h = ridge_heads(z_support, s_target, s_weight, m, precision)
            else:
                rate = tf.exp(p["log_rate"])
                h = self.descend_head(z_support, s_target, s_weight, m, rate)
        else:
            x_s, v_s = tf.gather(x, s_place), tf.gather(p["own"], s_place)
            rate = tf.exp(p["log_rate"])
            adapted = self.descend_all(x_s, v_s, s_target, s_weight, adapted, rate)
            if self.inner == "reptile":
                adapted = tuple(tf.stop_gradient(part) for part in adapted)
            W, b, h = adapted
            x_q, v_q = tf.gather(x, q_place), tf.gather(p["own"], q_place)
            z_query = self.with_one(self.f(x_q @ W + b + v_q))
        score = tf.einsum("uqd,ud->uq", z_query, h)
        if self.encoder == "sigmoid":
            score = tf.sigmoid(score)
        squares = tf.reduce_sum(q_weight * (score - q_target) ** 2)
        squares += penalty * tf.reduce_sum(p["own"] ** 2)
        return squares / tf.reduce_sum(q_weight), adapted

    def with_one(self, e):
        return tf.concat([tf.ones_like(e[..., :1]), e], -1) if self.constant else e

    def descend_head(self, z, t, w, h, rate):
        total = tf.maximum(tf.reduce_sum(w, 1, keepdims=True), 1e-6)
        for _ in range(self.n_steps):
            error = w * (tf.einsum("usd,ud->us", z, h) - t) / total
            gradient = tf.einsum("usd,us->ud", z, error)
            h -= rate * gradient * at_most_one(gradient)
        return h

    def descend_all(self, x, v, t, w, adapted, rate):
        W, b, h = adapted
        total = tf.maximum(tf.reduce_sum(w, 1, keepdims=True), 1e-6)
        for _ in range(self.n_steps):
            e = self.f(x @ W + b + v)
            z = self.with_one(e)
            error = w * (tf.einsum("usd,ud->us", z, h) - t) / total
            slope = h[:, 1:] if self.constant else h
            inside = error[..., None] * slope[:, None] * self.df(e)
            gradients = (
                tf.matmul(x, inside, transpose_a=True),
                tf.reduce_sum(inside, 1, keepdims=True),
                tf.einsum("usd,us->ud", z, error),
            )
            shrink = self.stop(at_most_one(*gradients))
            dW, db, dh = (self.stop(part) for part in gradients)
            W -= rate * shrink[:, None] * dW
            b -= rate * shrink[:, None] * db
            h -= rate * shrink * dh
        return W, b, h

    def displacements(self, p, adapted, users, gradients):
        """Return Reptile's gradients: from where users came to back where all are."""
        W, b, h = adapted
        found = dict(zip(PARAMETERS, gradients, strict=True))
        away = p["mean"] + users @ p["coef"] - h
        n = tf.cast(tf.shape(h)[0], tf.float32)
        found["W"] = p["W"] - tf.reduce_mean(W, 0)
        found["b"] = p["b"] - tf.reduce_mean(b, (0, 1))
        found["mean"] = tf.reduce_mean(away, 0)
        found["coef"] = tf.matmul(users, away, transpose_a=True) / n
        return tuple(found.values())


def at_most_one(*gradients):
    """Return what makes the length of each user's gradient at most one.

    Without it, a user whose ratings are far off could be thrown further off.
    """
    squares = [
        tf.reduce_sum(part**2, list(range(1, len(part.shape)))) for part in gradients
    ]
    return tf.math.rsqrt(tf.maximum(tf.add_n(squares), 1.0))[:, None]


def ridge_heads(z, t, w, m, precision):
    """Return the heads that minimize the squared error plus |h - m|^2 in `precision`.

    Of two equal forms, that whose system is smaller: one equation an entry of the head,
    or (Woodbury) one a row of the user.
    """
    root = tf.sqrt(w)
    z = z * root[..., None]
    rest = t * root - tf.einsum("usd,ud->us", z, m)

    def by_entry():
        system = tf.matmul(z, z, transpose_a=True) + tf.linalg.diag(precision)
        side = tf.einsum("usd,us->ud", z, rest)
        return m + tf.linalg.solve(system, side[..., None])[..., 0]

    def by_row():
        spread = z / precision
        system = tf.matmul(spread, z, transpose_b=True)
        system += tf.eye(tf.shape(z)[1])
        return m + tf.einsum(
            "usd,us->ud", spread, tf.linalg.solve(system, rest[..., None])[..., 0]
        )

    return tf.cond(tf.shape(z)[1] < tf.shape(z)[2], by_row, by_entry)
