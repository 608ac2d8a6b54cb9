"""Slurm on this machine alone: its daemons, started in a folder and stopped again."""

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from processes import free_ports

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol")
MISSING = [name for name in PROGRAMS if not shutil.which(name)]
MISSING += [] if os.geteuid() == 0 else ["root"]  # as whom the daemons run

# Jobs of the partition `high` pre-empt those of `low`, which are queued again. An array
# has at most 3 jobs. A credential lasts seconds: a job that is queued again waits for
# its end.
CONF = """
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
MpiDefault=none
ReturnToService=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
MaxArraySize=3
KillWait=2
JobRequeue=1
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=low Nodes={host} Default=YES MaxTime=60 PriorityTier=1 PreemptMode=REQUEUE
PartitionName=team Nodes={host} AllowAccounts=team
PartitionName=high Nodes={host} MaxTime=60 PriorityTier=9 PreemptMode=OFF
"""


def _wait(question, seconds=60.0):
    end = time.monotonic() + seconds
    while not question():
        if time.monotonic() > end:
            raise TimeoutError("Slurm does not answer")
        time.sleep(0.2)


def _idle():
    command = ["sinfo", "-h", "-p", "low", "-o", "%T"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() == "idle"


def _empty():
    done = subprocess.run(["squeue", "-h"], capture_output=True, text=True)
    return not done.stdout.strip()


@contextmanager
def slurm(folder: Path):
    """Inside, the commands of Slurm speak to daemons of a folder."""
    host = socket.gethostname().partition(".")[0]
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    conf = folder / "slurm.conf"
    conf.write_text(CONF.format(host=host, folder=folder, ports=free_ports(2)))
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o400)
    files = {"key": "key", "socket": "sock", "pid": "pid", "log": "log", "seed": "seed"}
    flags = [
        f"--{'socket' if k == 'socket' else k + '-file'}={folder}/munge.{v}"
        for k, v in files.items()
    ]
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(conf)
    daemons = []

    def start(*command):
        with (folder / f"{command[0]}.out").open("wb") as out:
            daemons.append(subprocess.Popen(command, stdout=out, stderr=out))

    try:
        start("munged", "--foreground", "--force", *flags)
        _wait((folder / "munge.sock").exists)
        start("slurmctld", "-D")
        start("slurmd", "-D")
        _wait(_idle)
        yield
    finally:
        subprocess.run(["scancel", "--user=root"], capture_output=True)
        with suppress(TimeoutError):
            _wait(_empty, 20.0)
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in daemons:
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
        os.environ.pop("SLURM_CONF")
        if before is not None:
            os.environ["SLURM_CONF"] = before
