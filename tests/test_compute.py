"""Devices are refused by name, threads come back, and glibc keeps what it was given."""

import subprocess
import sys
from contextlib import suppress

import pytest
import torch

from twofold.compute import cores, keep_memory, pick_device, single_thread
from twofold.errors import InputError


@pytest.mark.parametrize("device", ["cpu:abc", "cpu:", "cpu:1", "cpu:-1", "", "gpu", "meta", "cuda:99", "cpu:0:1", None])
def test_a_device_that_this_machine_does_not_have_is_refused_in_one_line(device):
    with pytest.raises(InputError, match=r"wanted a device of this machine, got .*; choose one of: auto, .*cpu$") as caught:
        pick_device(device)
    assert len(str(caught.value).splitlines()) == 1


def test_the_cpu_is_always_there_and_auto_prefers_what_is_faster(monkeypatch):
    assert pick_device("cpu") == torch.device("cpu")
    assert pick_device("cpu:0").type == "cpu"
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device() == torch.device("cuda")
    assert pick_device("cuda:1").index == 1
    with pytest.raises(InputError, match="'cuda:2'; choose one of: auto, cuda, cpu"):
        pick_device("cuda:2")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device() == torch.device("mps")


def test_one_thread_inside_and_as_many_as_before_after_it():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with suppress(RuntimeError), single_thread():
            assert torch.get_num_threads() == 1
            raise RuntimeError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_cores_are_those_that_this_process_may_use():
    code = (
        "import os; from twofold.compute import cores; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); print(cores())"
    )
    if not sys.platform.startswith("linux"):
        assert cores() >= 1
    else:
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"


FAULTS = """
import resource, sys, threading, torch
from twofold.compute import keep_memory
if sys.argv[1] == "kept" and not keep_memory():
    print(-1, 0)
    sys.exit()
def work():
    for _ in range(20):
        torch.zeros(25 * 2**20).add_(1)  # 100 MB, faulted in again by every round where it is given back
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
work()
main = faults() - before
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(main, faults() - before - main)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone")
def test_kept_memory_is_not_faulted_in_again_in_any_thread():
    def faults(how):
        ran = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
        return [int(number) for number in ran.stdout.split()]

    kept = faults("kept")
    if kept[0] < 0:
        pytest.skip("another libc")
    given_back = faults("as it is")
    assert kept[0] < given_back[0] / 3
    assert kept[1] < given_back[1] / 3


def test_elsewhere_nothing_is_done(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_memory.__wrapped__() is False
