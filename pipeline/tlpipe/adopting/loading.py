"""Builds the model of a file whose configuration was inspected."""

import warnings
from typing import TYPE_CHECKING

from tlpipe.adopting import inspection, model_file, translation
from tlpipe.adopting.model_file import ModelFile
from tlpipe.network.weights import reason
from tlpipe.storage import disk_errors
from tlpipe_edge.errors import BadData

if TYPE_CHECKING:
    import keras


def load(file: ModelFile) -> "keras.Model":
    """The model with its weights, in float32, not compiled.

    Only built-in parts of Keras are made, and none from code in the file. Raise BadData if there is another part, or
    Keras cannot build the model.
    """
    from tlpipe.network.backend import keras
    from tlpipe.network.silence import silenced

    config = translation.translated(file.config)
    try:
        inspection.check(config)
    except BadData as error:
        raise error.at(file.source) from error
    try:
        with silenced(), warnings.catch_warnings(action="ignore"):
            if file.is_hdf5:
                model_file.rewrite(file, config)
                return keras.models.load_model(file.weights, compile=False, safe_mode=True)
            model: keras.Model = keras.saving.deserialize_keras_object(config, safe_mode=True)
            model.load_weights(file.weights)
            return model
    except Exception as error:  # what Keras raises for a model that does not fit it
        disk_errors.raise_of_the_disk(error)
        advice = "Save it again with the Keras version that trained it, or a newer one."
        raise BadData(f"Keras cannot build this model ({reason(error)})", advice, where=file.source) from error
