"""SavedModels for servers: signatures with names, the vocabulary in the graph."""
