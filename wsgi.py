"""The application of one web worker, for a WSGI server other than the one of ``vaultctl serve``."""

from vault.bootstrap import application_for, settings

# A server imports this file to have the house opened; its settings are the VAULT_* variables.
application = application_for(settings())
