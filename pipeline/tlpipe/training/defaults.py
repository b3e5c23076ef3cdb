"""The defaults of fine-tuning, apart from the stages, so that ``--help`` waits for nothing."""

TOP_LAYERS = 50
"""Layers of the backbone that train, from the top."""
EPOCHS = 12
LEARNING_RATE = 3e-4
"""Initial learning rate."""
