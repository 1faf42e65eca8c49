"""Graphs as files of NIR, the intermediate representation of neuromorphic programs."""

import io
from typing import Any

from snnexp.export.graph import Graph
from snnexp.export.missing import need

PACKAGES = ("nir",)


def nir_file(graph: Graph, metadata: dict[str, Any]) -> bytes:
    """A graph as the bytes of a .nir file (HDF5).

    Args:
        graph: what is written.
        metadata: what is known of it beside its nodes: texts and numbers.

    Raises:
        MissingPackage: the package nir is not installed.
    """
    need(*PACKAGES)
    import nir

    nodes = {
        name: getattr(nir, part.kind)(**part.fields, metadata=part.metadata)
        for name, part in graph.nodes.items()
    }
    file = io.BytesIO()
    nir.write(file, nir.NIRGraph(nodes, list(graph.edges), metadata=metadata))
    return file.getvalue()
