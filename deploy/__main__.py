"""`python -m deploy ...` is `mien deploy ...`; without click, as on a new device, the device's commands alone."""

import sys
from importlib.util import find_spec

if find_spec("click") is None:
    from deploy.device.command_line import main

    sys.exit(main())
else:
    from deploy.cli.group import deploy
    from edge.cli.main import main as run_command

    run_command(deploy, "mien deploy")
