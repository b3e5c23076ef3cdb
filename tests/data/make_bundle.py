"""Makes the folder ``bundle`` beside this file again: a small int8 model of drawn pictures, trained and exported.

python tests/data/make_bundle.py
"""

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tlpipe.conversion import recipes
from tlpipe.data import loading
from tlpipe.demo.digits import BACKBONE
from tlpipe.exporting.assemble import export
from tlpipe.runs.config import Head, Training
from tlpipe.training.stages import train

HERE = Path(__file__).parent
LABELS = ("red ring", "green bars", "blue cross")

if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))
    import drawing

    with TemporaryDirectory() as name:
        folder = Path(name)
        photographs = drawing.photographs(folder / "photographs", LABELS, count=12)
        head = Head(epochs=8, learning_rate=3e-3)
        config = Training(weights=str(BACKBONE), alpha=0.35, image_size=64, views=2, head=head)
        run = train(loading.load(photographs, test_fraction=0.25), folder / "run", config)
        made = export(run, recipes.parse(["int8"]), folder / "drawn").path
        shutil.rmtree(made / "training")  # its pictures would be the larger part of the repository
        shutil.rmtree(HERE / "bundle", ignore_errors=True)
        shutil.copytree(made, HERE / "bundle")
