"""Programs that measure: speed, the quality of searches, the ranking of short trainings."""
