"""routing.yaml becomes one frozen Snapshot: document (text, nodes), reading (nodes, types), schema, snapshot, load."""
