"""What runs on the device: checks a bundle, installs it, goes back. The standard library alone.

A Raspberry Pi that has no mien yet runs these modules by its system's Python, so nothing here may import click, or
anything else that must first be installed; `deploy.build.installer_script` puts them into one file.
"""
