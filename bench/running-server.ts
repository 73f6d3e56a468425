import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { EmulatorOptions } from "@acrkit/emulator";
import type { Digest } from "@acrkit/oci";
import type { ServerAccess } from "./contenders/work.ts";

/** What a server says once it runs. */
export interface StartedServer {
  readonly access: ServerAccess;
  /** Where downloads are redirected to. */
  readonly storageEndpoint: string;
}

/** Tags for a manifest that is there. */
export interface SeededTags {
  readonly repository: string;
  readonly digest: Digest;
  readonly count: number;
}

/** From now on downloads are redirected to another port, which leads there. */
export interface StorageDetour {
  readonly storagePort: number;
}

export interface ServerPlace {
  /** Where it makes its temporary folder, which holds what it is sent. @default the system's */
  readonly folder?: string;
}

/** Removing a temporary folder with many large files takes some seconds; Node can hang at its exit. */
const STOP_MS = 20_000;

/** An emulator in a process of its own. */
export class RunningServer {
  readonly access: ServerAccess;
  readonly storageEndpoint: string;
  readonly processId: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, { access, storageEndpoint }: StartedServer) {
    this.#child = child;
    this.processId = child.pid as number;
    this.access = access;
    this.storageEndpoint = storageEndpoint;
  }

  static async start(options: EmulatorOptions = {}, { folder }: ServerPlace = {}): Promise<RunningServer> {
    const script = fileURLToPath(new URL("./server.ts", import.meta.url));
    const env = { ...process.env, NODE_NO_WARNINGS: "1", ...(folder === undefined ? {} : { TMPDIR: folder }) };
    const child = fork(script, [JSON.stringify(options)], { stdio: "inherit", env });
    const [started] = (await once(child, "message")) as [StartedServer];
    return new RunningServer(child, started);
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

  /** Redirects downloads to another port of this machine. */
  async redirectStorage(detour: StorageDetour): Promise<void> {
    this.#child.send(detour);
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
