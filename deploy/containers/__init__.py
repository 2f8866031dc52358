"""mien in a container: the compose files for one device, its configuration, and the check of the container's health.

The image is made from the `Containerfile` at the root of the checkout; docs/how-to/containers.md shows how to use it.
"""
