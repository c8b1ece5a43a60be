"""People who leave: permissions whose owner is gone find a new one, or IT."""
