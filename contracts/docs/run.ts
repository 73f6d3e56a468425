import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Example } from "./extract.ts";

/** The registry that examples talk to. */
export interface ExampleRegistry {
  readonly endpoint: string;
  /** PEM of the certificate that it shows; empty without TLS. */
  readonly certificate: string;
  readonly username: string;
  readonly password: string;
  /** What the stand-in for `@azure/identity` hands out. */
  readonly aadToken: string;
}

/** Examples name a registry as their reader would; here it is the emulator. */
const DOCUMENTED_HOST = "myregistry.azurecr.io";

/** A program in TypeScript: an example, or what prepares the registry for them. */
export type Program = Pick<Example, "place" | "code">;

/**
 * Runs a program in a process of its own, in a folder that is as good as empty, against the sources of the workspace. `preamble.ts` runs
 * before it.
 *
 * @throws with the place and everything that was printed, when the process does not end with 0
 */
export async function runProgram({ place, code }: Program, registry?: ExampleRegistry): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "acrkit-example-"));
  try {
    await symlink(join(import.meta.dirname, "../../node_modules"), join(folder, "node_modules"));
    const certificate = join(folder, "registry.pem");
    await writeFile(certificate, registry?.certificate ?? "");
    // A file that every reader has, and that examples may therefore upload.
    await writeFile(join(folder, "package.json"), '{ "type": "module" }\n');
    const file = join(folder, "example.ts");
    await writeFile(file, registry === undefined ? code : withRegistry(code, registry));
    return await nodeProcess(
      ["--conditions=@acrkit/source", `--import=${join(import.meta.dirname, "preamble.ts")}`, file],
      folder,
      environment(registry, certificate),
    );
  } catch (error) {
    throw new Error(`${place} does not run\n${(error as Error).message}\n\n${code}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function withRegistry(code: string, { endpoint }: ExampleRegistry): string {
  return code
    .replaceAll(`https://${DOCUMENTED_HOST}`, endpoint)
    .replaceAll(`"${DOCUMENTED_HOST}"`, JSON.stringify(endpoint))
    .replaceAll(DOCUMENTED_HOST, new URL(endpoint).host);
}

function environment(registry: ExampleRegistry | undefined, certificate: string): NodeJS.ProcessEnv {
  const { PATH, TMPDIR } = process.env;
  // What an example writes to its reader's home goes into its own folder.
  const HOME = dirname(certificate);
  if (registry === undefined) return { PATH, TMPDIR, HOME };
  return {
    PATH,
    TMPDIR,
    HOME,
    CONTAINERREGISTRY_ENDPOINT: registry.endpoint,
    CONTAINERREGISTRY_USERNAME: registry.username,
    CONTAINERREGISTRY_PASSWORD: registry.password,
    ACRKIT_EXAMPLE_AAD_TOKEN: registry.aadToken,
    ...(registry.certificate === "" ? {} : { NODE_EXTRA_CA_CERTS: certificate }),
  };
}

function nodeProcess(parameters: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, parameters, { cwd, env, timeout: 30_000 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error([error.message.split("\n")[0], stdout, stderr].join("\n"), { cause: error }));
    });
  });
}
