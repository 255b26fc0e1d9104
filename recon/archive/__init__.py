"""Old stretches of the log as Parquet files: written, proved, read back, and one chain with the live log.

1. A stretch leaves the database only after its file is on the disk, was read back, and its digests were recomputed.
2. Whatever dies in between is taken up by the next run: a file without a record is written anew, a record without a
   dropped partition is dropped.
3. The database records each file with its digest, so no file can be forged, left out or taken twice unnoticed.
"""
