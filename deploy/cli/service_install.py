"""`mien service install`."""

from __future__ import annotations

from pathlib import Path

import click

from deploy.cli import service_questions as questions
from deploy.service.own_environment import OwnEnvironment
from deploy.service.preparation import ServicePlan, prepare
from deploy.service.service_choices import ServiceChoices, absolute, first_camera
from deploy.service.service_files import ServiceFiles
from deploy.service.service_installation import install_service
from deploy.service.service_unit import require_own_unit
from deploy.service.systemctl import Systemd
from edge.cli import options
from edge.cli.config_file import MAX_BYTES
from edge.errors import DeployError, WrongUseError
from edge.preview import page_url, parse_address
from edge.sinks import SINKS
from edge.sources import SOURCES
from edge.system.credentials import MQTT_LOGIN, PREVIEW_TOKEN
from edge.system.operating_system import require_linux, user_id
from edge.system.regular_files import read_regular
from edge.system.untrusted_text import one_line


@click.command("install")
@click.option(
    "--source",
    metavar="SOURCE",
    shell_complete=options.complete_source,
    help=f"Where frames come from: {SOURCES}. Default: the first camera of this machine.",
)
@click.option("--model", metavar="MODEL", help="Name of a shipped model, or a .tflite file. Default: as `mien run`.")
@click.option(
    "--sink",
    multiple=True,
    metavar="SINK",
    help=f"Where events go: {SINKS}. May be repeated. Default: console, which is the journal of the system.",
)
@click.option(
    "--preview",
    metavar="HOST:PORT",
    help="Serve a page with the live image. For addresses other than loopback, a token is made. Default: none.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Use a copy of this configuration of `mien run`, in place of the options above.",
)
@click.option("--no-start", is_flag=True, help="Write the files, but neither enable nor start the service.")
@click.option(
    "--yes",
    is_flag=True,
    help="Ask nothing: take the defaults, and replace an existing configuration by what the options name.",
)
def service_install(
    source: str | None,
    model: str | None,
    sink: tuple[str, ...],
    preview: str | None,
    config: Path | None,
    no_start: bool,
    yes: bool,
) -> None:
    """Install and start the service of this board: unit, user and configuration.

    On a terminal, asks for what no option names. Everything is checked before anything is written; if the service does
    not start, nothing stays behind. An existing configuration is kept. Needs root, and a system booted by systemd.
    """
    require_service_system("mien service install")
    files = ServiceFiles()
    environment = checked_environment(files)
    given = source is not None or model is not None or bool(sink) or preview is not None
    if config is not None and given:
        raise WrongUseError("--config names a whole configuration: expected it alone, or the other options without it")
    asks = questions.can_ask() and not yes
    credentials: dict[str, bytes] = {}
    text, origin = None, files.shown(files.config)
    if _is_kept(files, given or config is not None, asks, yes):
        pass
    elif config is not None:
        try:
            text, origin = read_regular(config, MAX_BYTES), str(config)
        except OSError as error:
            raise WrongUseError(f"cannot read the configuration {config}: {error.strerror or error}") from error
    else:
        chosen = _choices(source, model, sink, preview, asks, credentials)
        text, origin = chosen.as_toml(), "the options"
    plan = prepare(files, environment, text, origin, credentials, _report)
    install_service(plan, files, Systemd(), _report, starts=not no_start)
    _summarize(plan, files, not no_start)


def checked_environment(files: ServiceFiles) -> OwnEnvironment:
    """Check what is cheap to check: the user, the system, whose service there is, and where mien is installed.

    Raises:
        DeployError: one of them rules out an installation.
    """
    environment = OwnEnvironment.current()
    require_root(f"sudo {environment.mien} service install")
    files.require_systemd()
    require_own_unit(files)
    environment.require_visible()
    return environment


def require_service_system(command: str) -> None:
    """Check that this system may have a service of mien.

    Raises:
        WrongUseError: it is not Linux.
    """
    require_linux(command, "start `mien run` by the Task Scheduler of Windows, or by launchd of macOS")


def require_root(command: str) -> None:
    """Check that this process may change the system.

    Raises:
        DeployError: it may not.
    """
    if user_id() != 0:
        raise DeployError(f"this changes services of the system: expected the user root; run  {command}")


def _is_kept(files: ServiceFiles, is_given: bool, asks: bool, yes: bool) -> bool:
    """Whether the configuration that exists is used: it is replaced only where the user wants it."""
    if not files.config.exists():
        return False
    shown = files.shown(files.config)
    if is_given and (yes or (asks and click.confirm(f"{shown} exists. Replace it?", default=False, err=True))):
        return False
    hint = ": the options do not apply; add --yes to replace it" if is_given else ""
    _report(f"{shown} exists and is kept{hint}")
    return True


def _choices(
    source: str | None,
    model: str | None,
    sink: tuple[str, ...],
    preview: str | None,
    asks: bool,
    credentials: dict[str, bytes],
) -> ServiceChoices:
    """Complete the options by answers, or by defaults; a login is added to the secrets."""
    if source is None:
        camera = first_camera()
        if asks:
            source = questions.ask_source(camera)
        elif camera is None:
            raise WrongUseError(
                "no --source, and no camera was found: expected --source SOURCE, such as rtsp://... or demo; "
                "`mien doctor` checks the cameras"
            )
        else:
            source = camera
    if asks and not sink:
        sink, login = questions.ask_broker()
        if login is not None:
            credentials[MQTT_LOGIN] = login
    if asks and preview is None:
        preview = questions.ask_preview()
    return ServiceChoices(absolute(source), None if model is None else absolute(model), sink, preview)


def _summarize(plan: ServicePlan, files: ServiceFiles, is_started: bool) -> None:
    click.echo(
        "the service runs, and starts with the system"
        if is_started
        else "the service is installed; start it with  sudo systemctl enable --now mien"
    )
    click.echo(f"configuration  {files.shown(files.config)}; apply changes with  sudo systemctl reload mien")
    if plan.preview is not None:
        click.echo(f"preview        {page_url(*parse_address(plan.preview))}")
    if PREVIEW_TOKEN in plan.credentials:
        click.echo(f"its token      sudo cat {files.shown(files.credentials / PREVIEW_TOKEN)}")
    click.echo("more           mien service status; journalctl -u mien; sudo mien service uninstall")
    if plan.has_password:
        _report(
            f"{files.shown(files.config)} contains a password, and every user of this machine can read it: "
            "sudo adduser --system --group --no-create-home mien; "
            f"sudo chown root:mien {files.shown(files.config)}; sudo chmod 640 {files.shown(files.config)}; "
            "sudo systemctl restart mien"
        )


def _report(line: str) -> None:
    click.echo(f"mien: {one_line(line)}", err=True)
