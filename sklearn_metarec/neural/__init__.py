"""Neural models: learned by TensorFlow, fitted state and scores by NumPy."""

from sklearn_metarec.neural._keras_builder import KerasBuilderRegressor
from sklearn_metarec.neural._mult_vae import MultVAE
from sklearn_metarec.neural._neu_mf import NeuMF
from sklearn_metarec.neural._regressor import NeuralRegressor
from sklearn_metarec.neural._sasrec import SASRec
from sklearn_metarec.neural._two_tower import TwoTower

__all__ = [
    "KerasBuilderRegressor",
    "MultVAE",
    "NeuMF",
    "NeuralRegressor",
    "SASRec",
    "TwoTower",
]
