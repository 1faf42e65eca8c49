"""The configuration groups, one folder per group and one YAML per option."""
