"""What can be done with LoRA files: a service a file; `rows/` says what each asks for, for the command and the page."""
