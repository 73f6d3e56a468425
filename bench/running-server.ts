import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** What a client needs to reach the server. */
export interface ServerAccess {
  readonly endpoint: string;
  readonly certificate: string;
  /** An Entra token that the server takes; good for as long as a measurement lasts. */
  readonly token: string;
}

/** An emulator in a process of its own. */
export class RunningServer {
  readonly access: ServerAccess;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, access: ServerAccess) {
    this.#child = child;
    this.access = access;
  }

  static async start(): Promise<RunningServer> {
    const child = fork(fileURLToPath(new URL("./server.ts", import.meta.url)), { stdio: "inherit" });
    const [access] = (await once(child, "message")) as [ServerAccess];
    return new RunningServer(child, access);
  }

  /** Requests since the last time it was asked. */
  async countRequests(): Promise<number> {
    this.#child.send("count");
    const [{ requests }] = (await once(this.#child, "message")) as [{ requests: number }];
    return requests;
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.disconnect();
    await ended;
  }
}
