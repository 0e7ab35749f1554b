"""routing.yaml: text (`files`) -> YAML nodes (`document`) -> typed values (`typed_loader`, `schema`) -> `snapshot` (`load`)."""
