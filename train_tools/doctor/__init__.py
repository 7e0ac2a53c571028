"""What is wrong, and what helps: checks of machine and installation, errors of runs explained, the support bundle."""
