"""`python -m recon.cli`: the command line without its installed script."""

from recon.cli.entry import main

if __name__ == "__main__":
    main()
