"""A bundle onto other machines, by the ssh and sftp that this one has."""
