"""The JSON API: the address at which scripts, Terraform and other clients speak to Tocsin."""
