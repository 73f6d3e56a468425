import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { ContainerRegistryClient } from "@acrkit/client";
import { type Emulator, type RegistryOptions, startEmulator } from "@acrkit/emulator";
import type { Digest } from "@acrkit/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { digestOfFile } from "../content/file.ts";
import { seededStream } from "../content/seeded.ts";
import type { CrashJob } from "./crash-worker.ts";
import { leadTo } from "./cut-registries.ts";
import { startCuttingProxy, type Way } from "./cutting-proxy.ts";

const MIB = 1024 * 1024;
const SIZE = 100 * MIB;
const KILLED_AFTER = 70 * MIB;

/** What two sockets and a proxy hold of an answer that nobody reads. */
const IN_FLIGHT = 16 * MIB;

/** Heads, answers and tokens. */
const TALK = MIB;

describe("a process that is killed in the middle", () => {
  let folder: string;
  let path: string;
  let digest: Digest;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "acrkit-crash-"));
    path = join(folder, "content");
    await writeFile(path, seededStream("crash", SIZE));
    digest = await digestOfFile(path);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Has one process do the job until it is killed, and another one to its end; gives what each has moved. */
  async function twice(
    emulator: Emulator,
    way: Way,
    job: Pick<CrashJob, "repository" | "path" | "journal" | "digest">,
  ) {
    let child: ChildProcess | undefined;
    const target = new URL(way === "up" ? emulator.endpoint : emulator.storageEndpoint);
    await using proxy = await startCuttingProxy(target, way, way === "up" ? [KILLED_AFTER] : [], () =>
      child?.kill("SIGKILL"),
    );
    if (way === "down") leadTo(emulator, proxy.port);
    const endpoint = way === "up" ? `http://localhost:${proxy.port}` : emulator.endpoint;
    const admin = emulator.admin ?? { username: "", password: "" };
    const begin = () => startWorker({ endpoint, ...admin, ...job });
    const first = begin();
    child = first.process;
    first.onLoaded((loadedBytes) => {
      if (way === "down" && loadedBytes >= KILLED_AFTER) first.process.kill("SIGKILL");
    });
    expect((await first.ended).signal).toBe("SIGKILL");
    const moved = proxy.bytes[way];
    const kept = way === "up" ? await keptInTheEnd(emulator) : 0;
    const left = job.digest === undefined ? [] : await readdir(join(job.path, ".."));
    expect(await begin().ended).toEqual({ code: 0, signal: null, errors: "" });
    return { kept, left, movedAgain: proxy.bytes[way] - moved };
  }

  const upload = async (options: RegistryOptions) => {
    await using emulator = await startEmulator({ ...options, tls: false });
    const journal = await mkdtemp(join(folder, "journal-"));
    const { kept, movedAgain } = await twice(emulator, "up", { repository: "crash", path, journal });
    expect(emulator.store.blobs.size("crash", digest)).toBe(SIZE);
    expect(await readdir(journal)).toEqual([]);
    return { kept, movedAgain, uploads: await keptUploads(emulator) };
  };

  it("while it uploads with a journal: another one sends what is missing, where the registry knows how far it came", async () => {
    const { kept, movedAgain, uploads } = await upload({ resumableUploads: true });
    expect(kept).toBeGreaterThan(KILLED_AFTER - 16 * MIB);
    expect(movedAgain).toBeLessThan(SIZE - kept + TALK);
    expect(uploads).toBe(0);
  }, 60_000);

  it("while it uploads to ACR: another one starts again, and gets through", async () => {
    const { movedAgain } = await upload({});
    expect(movedAgain).toBeGreaterThan(SIZE);
    expect(movedAgain).toBeLessThan(SIZE + TALK);
  }, 60_000);

  it("while it downloads to a file: another one fetches what is missing", async () => {
    await using emulator = await startEmulator({ tls: false });
    await new ContainerRegistryClient(emulator.endpoint, emulator.credential).uploadBlob("crash", { path });
    const into = await mkdtemp(join(folder, "into-"));
    const target = join(into, "blob");
    const { left, movedAgain } = await twice(emulator, "down", { repository: "crash", path: target, digest });
    // Nothing has the file's name before it is proven.
    expect(left).not.toContain("blob");
    expect(await readdir(into)).toEqual(["blob"]);
    expect(await digestOfFile(target)).toBe(digest);
    // What each of the four requests was about to bring is fetched again, 8 MiB, and one answer is closed on its way.
    expect(movedAgain).toBeLessThan(SIZE - KILLED_AFTER + 4 * 8 * MIB + IN_FLIGHT + TALK);
  }, 60_000);
});

/** The same once what was on its way has been written. */
async function keptInTheEnd(emulator: Emulator): Promise<number> {
  let kept = await keptUploads(emulator);
  for (let tries = 0; tries < 100; tries++) {
    await sleep(100);
    const before = kept;
    kept = await keptUploads(emulator);
    if (kept === before && kept > 0) break;
  }
  return kept;
}

/** Bytes of uploads that the registry keeps. */
async function keptUploads({ dataFolder }: Emulator): Promise<number> {
  const uploads = join(dataFolder, "uploads");
  const sizes = await Promise.all((await readdir(uploads)).map(async (name) => (await stat(join(uploads, name))).size));
  return sizes.reduce((total, size) => total + size, 0);
}

function startWorker(job: CrashJob) {
  const worker = join(import.meta.dirname, "crash-worker.ts");
  const child = spawn(process.execPath, ["--conditions=@acrkit/source", worker, JSON.stringify(job)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errors = "";
  let onLoaded = (_: number) => {};
  createInterface(child.stdout).on("line", (line) => onLoaded(Number(line)));
  child.stderr.on("data", (part: Buffer) => {
    errors += part;
  });
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal, errors }));
  return {
    process: child,
    ended,
    /** Called with how many bytes the process says it has. */
    onLoaded(listener: (loadedBytes: number) => void) {
      onLoaded = listener;
    },
  };
}
