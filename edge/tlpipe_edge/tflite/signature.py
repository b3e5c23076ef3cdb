"""The signature of a .tflite file, by which programs call the model and its two ends by name (SignatureDef)."""

import flatbuffers

from tlpipe_edge.tflite.building import table, vector
from tlpipe_edge.tflite.flatbuffer import ModelTable, Named, Signature, SubGraph, Table

KEY, IMAGE, SCORES = "serving_default", "image", "scores"


def of(builder: flatbuffers.Builder, model: Table) -> int:
    """Append the signature of a model with one input and one output; return a reference to it."""

    def named(name: str, graph_slot: int) -> int:
        (index,) = graph.numbers(graph_slot, "I")
        parts = {Named.NAME: builder.CreateString(name)}
        return vector(builder, [table(builder, parts, words=[(Named.TENSOR, index)])])

    graph = next(model.tables(ModelTable.SUBGRAPHS))
    parts = {
        Signature.INPUTS: named(IMAGE, SubGraph.INPUTS),
        Signature.OUTPUTS: named(SCORES, SubGraph.OUTPUTS),
        Signature.KEY: builder.CreateString(KEY),
    }
    return table(builder, parts)
