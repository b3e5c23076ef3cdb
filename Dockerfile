# The workstation: tlpipe, with TensorFlow for processors. From the root of the repository:
#
#   docker build --tag tlpipe .
#
# docs/docker.md says how to run it. Python 3.11 on Debian Bookworm is what all tests run on, and what Raspberry Pi OS
# Bookworm has.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY constraints.txt pyproject.toml README.md LICENSE NOTICE ./
COPY edge edge
COPY pipeline pipeline
# tensorflow-cpu is TensorFlow without its code for GPUs, which would need CUDA in the image: 0.6 GB less. It is only made
# for this processor; on others, tensorflow has no such code. Its version is the pinned one of tensorflow.
RUN if [ "$(uname -m)" = x86_64 ]; then \
        sed -i 's/"tensorflow>=/"tensorflow-cpu>=/' pyproject.toml && grep -q '"tensorflow-cpu>=' pyproject.toml \
        && sed -i 's/^tensorflow==/tensorflow-cpu==/' constraints.txt && grep -q '^tensorflow-cpu==' constraints.txt; \
    fi
# The environment has no pip of its own. pip compiles the modules: nobody can write there later. TensorFlow's headers, which
# are for C++ extensions, are 0.3 GB.
RUN python -m venv --without-pip /opt/tlpipe \
    && pip --python /opt/tlpipe/bin/python install --constraint constraints.txt ./edge . \
    && rm -r /opt/tlpipe/lib/python3.*/site-packages/tensorflow/include

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="tlpipe" \
      org.opencontainers.image.description="From a folder of images to a classifier in TFLite for small devices" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
# For tlpipe bench --device.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends openssh-client \
    && rm -rf /var/lib/apt/lists/*
# Any user may write there, as in /tmp: docker run --user takes one that this image does not know.
RUN install --directory --mode 1777 /cache /work
COPY --from=build /opt/tlpipe /opt/tlpipe
ENV PATH=/opt/tlpipe/bin:$PATH \
    TLPIPE_CACHE=/cache
VOLUME /cache
WORKDIR /work
# By number, so that Kubernetes sees that it is not root.
USER 10001:10001
# docker stop is Ctrl-C: tlpipe says what is kept, and how to continue. As the first process of a container, a program
# would not even end by SIGTERM.
STOPSIGNAL SIGINT
ENTRYPOINT ["tlpipe"]
CMD ["--help"]
