"""One replica over HTTP, whatever its engine: what `adapters.tgi` and `adapters.completions` share."""
