"""An example that acts on the predictions for camera frames: copy and change it.

python camera.py BUNDLE [SOURCE]: SOURCE is the number of a camera (0), picamera2, a URL, a video file or a folder.
"""

import sys

from tlpipe_edge import Answer, Classifier, watch


def main() -> None:
    """Print the label whenever it changes."""
    classifier = Classifier.open(sys.argv[1])
    source = sys.argv[2] if len(sys.argv) > 2 else "0"
    before = None
    for event in watch(classifier, source, threshold=0.6, smoothing=0.7):
        if not isinstance(event, Answer):
            print(f"no frame: {event.reason}", file=sys.stderr)
        elif event.label != before:
            before = event.label
            print(f"{event.label} ({event.score:.0%})", flush=True)


if __name__ == "__main__":
    main()
