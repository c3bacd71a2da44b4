"""What we remember: one table, one file. SQL lives here and nowhere else."""
