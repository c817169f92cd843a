"""TensorFlow's start: on first use, silent, with as many threads as asked for."""

import os
import sys
import tempfile
from contextlib import contextmanager
from importlib import import_module

from sklearn_metarec.utils._parallel import effective_threads

_PACKAGE = "sklearn_metarec.neural._tf"


def load(module, n_jobs=None):
    """Import a module of `_tf`, and start TensorFlow if this is the first one.

    Parameters
    ----------
    module : str
        Its name.
    n_jobs : int or None, default=None
        How many threads TensorFlow gets. It takes that once in a process: what comes
        first counts, also what started it outside this package.

    Returns
    -------
    module : module
        The module.
    """
    if "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        with _quiet():
            _start(effective_threads(n_jobs))
    return import_module(f"{_PACKAGE}.{module}")


def _start(n_threads):
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")
    tf.config.threading.set_intra_op_parallelism_threads(n_threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.constant(0)  # now the threads are made, and the last remarks


@contextmanager
def _quiet():
    """Hold back what is written to the standard error, unless the block fails.

    TensorFlow's libraries greet before its settings are read.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        try:
            shown = os.dup(2)
        except OSError:  # there is none
            yield
            return
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(shown, held.read())
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)
