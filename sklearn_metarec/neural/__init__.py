"""Deep recommenders, and what the meta-learner needs of TensorFlow."""
