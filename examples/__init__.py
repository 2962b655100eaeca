"""Programs that extend the package; `make test` runs them."""
