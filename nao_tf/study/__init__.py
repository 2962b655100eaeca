"""A study: search, finalists, winner, test, export, comparison, in a work directory that a later run goes on with."""
