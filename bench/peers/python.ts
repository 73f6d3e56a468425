import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { logIn } from "./home.ts";
import type { Peer } from "./peer.ts";

/** `azure-containerregistry`, used as its samples do, by a program of ours that measures itself after its imports. */
export function pythonPeer(version: string, python: string): Peer {
  return {
    name: "azure-containerregistry (Python)",
    version,
    async prepare(access, transfer, home) {
      const { endpoint, token } = access;
      const environment = await logIn(home, new URL(endpoint).host, access);
      const job = join(home, "job.json");
      await writeFile(job, JSON.stringify({ endpoint, token, ...transfer }), { mode: 0o600 });
      const program = join(import.meta.dirname, "python", "transfer.py");
      return { command: [python, program, job], folder: home, environment, measuresItself: true };
    },
  };
}
