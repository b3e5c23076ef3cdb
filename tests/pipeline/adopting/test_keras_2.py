"""Files that Keras 2 wrote (tests/data/make_keras_2.py): Keras 3 alone does not read all of them."""

import numpy as np
import pytest
from texts import ROOT

from tlpipe.adopting import loading, model_file, reading
from tlpipe.adopting.reading import End

SIZE = 24
GIVEN = {
    "sequential": (-0.04492367431521416, -0.0034430515952408314, 0.007685746066272259),
    "functional": (0.32295870780944824, 0.3366369903087616, 0.3404042720794678),
}
"""What Keras 2 gave for the image below."""


@pytest.mark.parametrize("name", GIVEN)
def test_a_model_of_keras_2_gives_what_it_gave(name: str) -> None:
    """With a model inside, a depthwise convolution, frozen layers, and BatchNormalization."""
    image = (np.arange(SIZE * SIZE * 3, dtype=np.float32).reshape(1, SIZE, SIZE, 3) * 7) % 256
    with model_file.unpacked(ROOT / f"tests/data/keras_2/{name}.h5") as file:
        model = loading.load(file)

    assert np.allclose(model.predict(image, verbose=0)[0], GIVEN[name], atol=1e-6)
    found = reading.read(model, image_size=None)
    assert (found.size, found.classes, found.normalization) == (SIZE, 3, ("Rescaling",))
    assert found.end is (End.LOGITS if name == "sequential" else End.SOFTMAX)
