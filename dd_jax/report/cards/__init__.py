"""Cards of a run in JSON, of the model and of the data, from one Record."""
