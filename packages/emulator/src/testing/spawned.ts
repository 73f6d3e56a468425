import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

export const USER = { username: "me", password: "secret" } as const;

/** The command as a process of its own. */
export interface Spawned {
  readonly process: ChildProcess;
  readonly endpoint: string;
  /** What it has said on its error output. */
  errors(): string;
  /** Sends a request as the admin user; follows redirects. */
  send(method: string, target: string, sent?: SentBody): Promise<Response>;
  /** Ends it without warning. */
  kill(): Promise<void>;
}

export interface SentBody {
  readonly body?: RequestInit["body"];
  readonly headers?: Readonly<Record<string, string>>;
}

/** Starts the command over a data folder and waits until it is ready; with `killedAfterMs`, it dies on the way there. */
export async function spawnEmulator(
  dataFolder: string,
  { killedAfterMs }: { readonly killedAfterMs?: number } = {},
): Promise<Spawned> {
  const args = ["--conditions=@acrkit/source", join(import.meta.dirname, "../main.ts")];
  const options = ["--http", "--data", dataFolder, "--user", USER.username, "--password", USER.password];
  const child = spawn(process.execPath, [...args, ...options], { stdio: ["ignore", "pipe", "pipe"] });
  const closed = once(child, "close");
  let errors = "";
  child.stderr.on("data", (part: Buffer) => {
    errors += part;
  });
  const timer = killedAfterMs === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), killedAfterMs);
  let out = "";
  for await (const part of child.stdout) {
    out += part;
    const endpoint = /^endpoint +(\S+)$/m.exec(out)?.[1];
    if (endpoint === undefined || !/^data .*\n/m.test(out)) continue;
    clearTimeout(timer);
    const authorization = `Basic ${btoa(`${USER.username}:${USER.password}`)}`;
    return {
      process: child,
      endpoint,
      errors: () => errors,
      send: (method, target, { body, headers = {} } = {}) =>
        fetch(new URL(target, endpoint), {
          method,
          headers: { authorization, ...headers },
          ...(body === undefined ? {} : { body }),
          // A stream as body needs it.
          ...(body instanceof ReadableStream ? { duplex: "half" } : {}),
        } as RequestInit),
      async kill() {
        child.kill("SIGKILL");
        await closed;
      },
    };
  }
  await closed;
  throw new Error(`the emulator did not start: ${out}${errors}`);
}
