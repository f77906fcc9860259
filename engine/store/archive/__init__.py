"""Archive of old trades: Parquet files by market, symbol and UTC day."""
