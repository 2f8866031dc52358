import os
import stat

import pytest

from edge.system.energy import PowerChip, Rapl, find_meter, power_w

#: Of a Raspberry Pi 5; rails with one of the two readings do not count.
READINGS = """\
 3V7_WL_SW_A current(0)=0.00390372A
   3V3_SYS_A current(1)=0.05000000A
 VDD_CORE_A current(7)=1.50000000A
  3V7_WL_SW_V volt(8)=3.70000000V
    3V3_SYS_V volt(9)=3.30000000V
   VDD_CORE_V volt(15)=0.80000000V
      BATT_V volt(25)=0.00293040V
"""


def packages(folder, *microjoules):
    for i, value in enumerate(microjoules):
        package = folder / f"intel-rapl:{i}"
        package.mkdir(exist_ok=True)
        (package / "energy_uj").write_text(f"{value}\n")
        (package / "max_energy_range_uj").write_text("1000000\n")
    return folder


def test_rapl_adds_packages_and_handles_counters_that_wrap_around(tmp_path):
    meter = find_meter(packages(tmp_path, 100_000, 900_000))
    assert isinstance(meter, Rapl)
    meter.start()
    packages(tmp_path, 350_000, 50_000)
    assert meter.stop() == pytest.approx(0.25 + 0.15)


def test_a_counter_that_cannot_be_read_is_not_used(tmp_path):
    folder = packages(tmp_path, 1)
    (folder / "intel-rapl:0" / "energy_uj").write_text("no number\n")
    assert find_meter(folder) is None


def test_power_is_summed_over_rails_with_current_and_voltage():
    assert power_w(READINGS) == pytest.approx(3.7 * 0.00390372 + 3.3 * 0.05 + 0.8 * 1.5)
    assert power_w("") == 0


def test_the_power_chip_is_found_and_sampled(tmp_path, monkeypatch):
    tool = tmp_path / "vcgencmd"
    readings = tmp_path / "readings"
    readings.write_text(READINGS)
    tool.write_text(f'#!/bin/sh\n[ "$1" = pmic_read_adc ] && cat {readings}\n')
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    meter = find_meter(tmp_path)
    assert isinstance(meter, PowerChip)
    import time

    meter.start()
    begin_s = time.monotonic()
    time.sleep(0.3)
    joules = meter.stop()
    assert joules == pytest.approx(power_w(READINGS) * (time.monotonic() - begin_s), rel=0.2)


def test_a_machine_without_a_meter(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_meter(tmp_path) is None
