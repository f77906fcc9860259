"""Files about one backtest: tables as CSV and Parquet, a tear sheet that opens from disk, the look-ahead audit."""
