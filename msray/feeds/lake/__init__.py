"""A lake of Parquet files: records by venue, symbol and day."""
