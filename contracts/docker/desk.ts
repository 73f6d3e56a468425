import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Emulator, startEmulator } from "@acrkit/emulator";

/** An emulator, and a home of somebody who works with it: their files, their programs, nothing of the real user. */
export interface Desk extends AsyncDisposable {
  readonly emulator: Emulator;
  /**
   * How programs name the registry. By its address: blobs are redirected to the other of the two names, and crane follows no
   * redirect to an address from elsewhere.
   */
  readonly registry: string;
  readonly endpoint: string;
  readonly admin: { readonly username: string; readonly password: string };
  readonly folder: string;
  /** Docker's, where `DOCKER_CONFIG` says. */
  readonly dockerConfig: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly trust: { readonly tlsOptions: { readonly ca: string } };
  /** @throws with everything that was printed, when the program does not end with 0 */
  run(program: string, args: readonly string[], options?: RunOptions): Promise<Printed>;
  write(path: string, content: object): Promise<string>;
}

export interface RunOptions {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Printed {
  readonly out: string;
  readonly error: string;
}

const PASSWORD = "a pass+word: with 100% signs";

const HELPER = join(import.meta.dirname, "../../packages/client/src/docker/node/helper/main.ts");

/** Opens a desk with `docker-credential-acrkit` on its path, the sources as they are. */
export async function openDesk(): Promise<Desk> {
  const emulator = await startEmulator({ adminUser: { username: "admin", password: PASSWORD } });
  const folder = await mkdtemp(join(tmpdir(), "acrkit-desk-"));
  const certificate = join(folder, "certificate.pem");
  await writeFile(certificate, emulator.certificate);
  const programs = join(folder, "bin");
  for (const name of ["bin", "docker", "run", "work"]) await mkdir(join(folder, name));
  const helper = join(programs, "docker-credential-acrkit");
  await writeFile(helper, `#!/bin/sh\nexec "${process.execPath}" --conditions=@acrkit/source "${HELPER}" "$@"\n`);
  await chmod(helper, 0o700);
  const registry = emulator.loginServer.replace("localhost", "127.0.0.1");
  const environment = {
    PATH: `${programs}:${process.env.PATH}`,
    LANG: "C.UTF-8",
    HOME: folder,
    TMPDIR: folder,
    XDG_RUNTIME_DIR: join(folder, "run"),
    DOCKER_CONFIG: join(folder, "docker"),
    SSL_CERT_FILE: certificate,
    NODE_EXTRA_CA_CERTS: certificate,
  };
  return {
    emulator,
    registry,
    endpoint: `https://${registry}`,
    admin: { username: "admin", password: PASSWORD },
    folder,
    dockerConfig: join(folder, "docker", "config.json"),
    environment,
    trust: { tlsOptions: { ca: emulator.certificate } },
    run: (program, args, options = {}) =>
      run(program, args, join(folder, "work"), { ...options, environment: { ...environment, ...options.environment } }),
    async write(path, content) {
      await writeFile(join(folder, path), JSON.stringify(content), { mode: 0o600 });
      return join(folder, path);
    },
    async [Symbol.asyncDispose]() {
      await emulator.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

function run(program: string, args: readonly string[], cwd: string, options: RunOptions): Promise<Printed> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env: options.environment, stdio: "pipe", timeout: 50_000 });
    let out = "";
    let error = "";
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      out += part;
    });
    child.stderr.setEncoding("utf8").on("data", (part: string) => {
      error += part;
    });
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
    child.once("error", reject);
    child.once("close", (exitCode) => {
      if (exitCode === 0) resolve({ out, error });
      else reject(new Error(`${program} ${args.join(" ")} ended with ${exitCode}:\n${out}\n${error}`));
    });
  });
}
