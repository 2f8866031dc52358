"""The commands of `mien convert`: one file for each, around the functions of `convert.api`."""
