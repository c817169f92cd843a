"""All that imports TensorFlow: itself imported inside functions only."""
