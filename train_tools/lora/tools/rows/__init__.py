"""One file a tool: what it is given, its settings, and how it is called. Read by the page: no torch when loaded."""
