import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { EmulatorOptions } from "@acrkit/emulator";
import type { Digest } from "@acrkit/oci";

/** What a client needs to reach the server. */
export interface ServerAccess {
  readonly endpoint: string;
  readonly certificate: string;
  /** An Entra token that the server takes; good for as long as a measurement lasts. */
  readonly token: string;
}

/** Tags for a manifest that is there. */
export interface SeededTags {
  readonly repository: string;
  readonly digest: Digest;
  readonly count: number;
}

/** Removing a temporary folder with many large files takes some seconds; Node can hang at its exit. */
const STOP_MS = 20_000;

/** An emulator in a process of its own. */
export class RunningServer {
  readonly access: ServerAccess;
  readonly processId: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, access: ServerAccess) {
    this.#child = child;
    this.processId = child.pid as number;
    this.access = access;
  }

  static async start(options: EmulatorOptions = {}): Promise<RunningServer> {
    const script = fileURLToPath(new URL("./server.ts", import.meta.url));
    const env = { ...process.env, NODE_NO_WARNINGS: "1" };
    const child = fork(script, [JSON.stringify(options)], { stdio: "inherit", env });
    const [access] = (await once(child, "message")) as [ServerAccess];
    return new RunningServer(child, access);
  }

  /** Requests since the last time it was asked. */
  async countRequests(): Promise<number> {
    this.#child.send("count");
    const [{ requests }] = (await once(this.#child, "message")) as [{ requests: number }];
    return requests;
  }

  /** Puts tags into its store, without a request for each. */
  async seedTags(tags: SeededTags): Promise<void> {
    this.#child.send(tags);
    await once(this.#child, "message");
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.disconnect();
    const impatient = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
    await ended;
    clearTimeout(impatient);
  }
}
