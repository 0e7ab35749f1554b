"""`make deploy-check`: checks the files of deploy/ with the tools that are made for them, and runs what can be run here."""
