"""Interactive lab for notebooks: settings form, plots and runs table (ipywidgets)."""
