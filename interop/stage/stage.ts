import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContainerRegistryClient } from "@acrkit/client";
import { type Emulator, startEmulator } from "@acrkit/emulator";
import { isolatedEnvironment } from "./environment.ts";

/** What one scenario plays on: an emulator of its own, and a folder that a client takes for its user's home. */
export interface Stage extends AsyncDisposable {
  readonly emulator: Emulator;
  /** How tools name the registry: the host that was asked for, and the port. */
  readonly registry: string;
  readonly admin: { readonly username: string; readonly password: string };
  /** Puts things into the registry before the client under test comes; never what is tested. */
  readonly seeder: ContainerRegistryClient;
  /** A temporary folder: the client's working folder. */
  readonly folder: string;
  /** PEM of the emulator's certificate, as a file. */
  readonly certificateFile: string;
  /** A whole environment for a client's process: it can neither read nor write the real user's files. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The password is fixed so that it can be masked in whatever a client prints. Spaces and signs find quoting mistakes. */
const PASSWORD = "a pass+word with 100% signs";

/** Opens a stage. Disposing of it stops the emulator and removes the folder. */
export async function openStage(
  options: { readonly anonymousPull?: boolean; readonly host?: string } = {},
): Promise<Stage> {
  const { anonymousPull = false, host = "localhost" } = options;
  const emulator = await startEmulator({ anonymousPull, adminUser: { username: "admin", password: PASSWORD } });
  const folder = await mkdtemp(join(tmpdir(), "acrkit-interop-"));
  const close = async () => {
    await emulator.close();
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  const certificateFile = join(folder, "certificate.pem");
  const home = join(folder, "home");
  const work = join(folder, "work");
  const admin = { username: "admin", password: PASSWORD };
  await Promise.all([home, work].map((path) => mkdir(path)));
  await writeFile(certificateFile, emulator.certificate);
  return {
    emulator,
    registry: emulator.loginServer.replace(/^localhost(?=:)/, host),
    admin,
    seeder: new ContainerRegistryClient(emulator.endpoint, admin, { tlsOptions: { ca: emulator.certificate } }),
    folder: work,
    certificateFile,
    environment: isolatedEnvironment(home, certificateFile),
    [Symbol.asyncDispose]: close,
  };
}
