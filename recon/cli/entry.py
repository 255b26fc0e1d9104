"""The way in: Ctrl-C is handled before anything heavier is imported."""

from recon.cli.interrupt import end_at_once


def main() -> None:
    """Run the command line of this process."""
    end_at_once()
    from recon.cli.main import main as run  # noqa: PLC0415 - after the handler for Ctrl-C stands

    run()
