"""Neural models: learned by TensorFlow, fitted state and scores by NumPy."""

from sklearn_metarec.neural._mult_vae import MultVAE

__all__ = ["MultVAE"]
