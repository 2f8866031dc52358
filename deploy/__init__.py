"""A bundle, onto a device, and back again if it is not well."""
