"""The table that `accelerator.py` prints."""


def line(row: dict) -> str:
    """One row of the table."""
    name = (
        f"{row['data']:13} {row['ipc']:3} {row['precision']:8} {row['program']:12} "
        f"{row['side']:21}"
    )
    if "error" in row:
        return f"{name} {row['error']}"
    percent = lambda key: "    -" if row.get(key) is None else f"{row[key]:5.0%}"
    bytes_ = row.get("peak_bytes") or row.get("planned_bytes")
    memory = "     -" if bytes_ is None else f"{bytes_ / 1e9:6.2f}"
    rate = f"{row['tflops']:7.1f}" if "tflops" in row else "      -"
    return (
        f"{name} {row['compile_seconds']:7.1f} {row['seconds_per_step']:10.5f} {rate} "
        f"{percent('share_of_peak')} {percent('share_of_matmul')} {memory}"
    )


HEAD = (
    f"{'data':13} {'ipc':>3} {'':8} {'program':12} {'side':21} {'compile':>7} "
    f"{'s/step':>10} {'TFLOP/s':>7} {'peak':>5} {'matmul':>5} {'GB':>5}"
)
