"""Language models that a recurrent architecture describes."""
