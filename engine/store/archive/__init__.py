"""Old trades as Parquet files, by market, symbol and UTC day."""
