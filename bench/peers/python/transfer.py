"""Moves blobs with the official library for Python, as its samples do, and prints what that took as JSON."""

import json
import os
import re
import resource
import sys
import time

from azure.containerregistry import ContainerRegistryClient
from azure.core.credentials import AccessToken


class StaticToken:
    def __init__(self, token):
        self._token = token

    def get_token(self, *scopes, **kwargs):
        return AccessToken(self._token, int(time.time()) + 3600)


def upload(client, job):
    source = job["source"]
    for blob in source["blobs"]:
        with open(os.path.join(source["folder"], blob["name"]), "rb") as file:
            client.upload_blob(job["repository"], file)


def download(client, job):
    for blob in job["source"]["blobs"]:
        with open(os.path.join(job["into"], blob["name"]), "wb") as file:
            for part in client.download_blob(job["repository"], blob["digest"]):
                file.write(part)


def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_memory_mib():
    # ru_maxrss would begin with the peak of the process that started this one.
    with open("/proc/self/status", encoding="ascii") as status:
        return int(re.search(r"^VmHWM:\s*(\d+) kB$", status.read(), re.MULTILINE).group(1)) / 1024


def main():
    with open(sys.argv[1], encoding="utf8") as file:
        job = json.load(file)
    client = ContainerRegistryClient(job["endpoint"], StaticToken(job["token"]))
    cpu = cpu_seconds()
    start = time.perf_counter()
    {"upload": upload, "download": download}[job["kind"]](client, job)
    seconds = time.perf_counter() - start
    print(
        json.dumps(
            {"seconds": seconds, "cpuSeconds": cpu_seconds() - cpu, "peakMemoryMiB": peak_memory_mib()}
        )
    )


main()
