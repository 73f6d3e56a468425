import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const PACKAGES = ["oci", "client", "emulator"] as const;

// What a user installs is the packed archive, not the repository: built files only, and nothing but declared dependencies.
describe("the packages as they are packed", () => {
  let project: string;
  beforeAll(async () => {
    await run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-b"], { cwd: root });
    project = await mkdtemp(join(tmpdir(), "acrkit-packed-"));
    for (const name of PACKAGES) await install(project, name);
    await writeFile(join(project, "package.json"), JSON.stringify({ name: "user", type: "module", private: true }));
  }, 120_000);
  afterAll(() => rm(project, { recursive: true, force: true }));

  it("work together in a project of their own, by import and by require", async () => {
    const script = join(project, "main.mjs");
    await writeFile(
      script,
      `import { createRequire } from "node:module";
       import { ContainerRegistryClient } from "@acrkit/client";
       import { startEmulator } from "@acrkit/emulator";
       import { digestOf } from "@acrkit/oci";
       const emulator = await startEmulator();
       const client = new ContainerRegistryClient(emulator.endpoint, emulator.credential, { tlsOptions: { ca: emulator.certificate } });
       const { digest } = await client.uploadBlob("team/app", "hello");
       const required = createRequire(import.meta.url)("@acrkit/client");
       console.log(digest === digestOf(Buffer.from("hello")), required.ContainerRegistryClient === ContainerRegistryClient);
       await emulator.close();`,
    );
    const { stdout } = await run(process.execPath, [script], { cwd: project });
    expect(stdout.trim()).toBe("true true");
  });

  it("start the emulator as a command", async () => {
    const { stdout } = await run(process.execPath, [
      join(project, "node_modules/@acrkit/emulator/dist/main.js"),
      "--help",
    ]);
    expect(stdout).toContain("acrkit-emulator");
  });

  it("give docker its credential helper as a command", async () => {
    const { bin } = JSON.parse(await readFile(join(project, "node_modules/@acrkit/client/package.json"), "utf8"));
    const helper = join(project, "node_modules/@acrkit/client", bin["docker-credential-acrkit"]);
    const { stdout } = await run(process.execPath, [helper, "--version"]);
    expect(stdout).toMatch(/^docker-credential-acrkit \d/);
  });

  it("type-check in a strict project", async () => {
    await writeFile(
      join(project, "use.ts"),
      `import { ContainerRegistryClient, type ArtifactTagProperties, ResourceNotFoundError } from "@acrkit/client";
       import { isRestError } from "@azure/core-rest-pipeline";
       const client = new ContainerRegistryClient("myregistry.azurecr.io", { username: "u", password: "p" });
       export async function newest(repository: string): Promise<ArtifactTagProperties | undefined> {
         try {
           for await (const tag of client.listTagProperties(repository, { order: "LastUpdatedOnDescending" })) return tag;
         } catch (error) {
           if (error instanceof ResourceNotFoundError && isRestError(error)) return undefined;
           throw error;
         }
         return undefined;
       }`,
    );
    const options = [
      "--noEmit",
      "--strict",
      "--exactOptionalPropertyTypes",
      "--module",
      "nodenext",
      "--target",
      "es2022",
      "--types",
      "node",
    ];
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    const { stdout } = await run(process.execPath, [compiler, ...options, "use.ts"], { cwd: project }).catch(
      (error: { stdout: string }) => error,
    );
    expect(stdout).toBe("");
  });
});

/** Unpacks the archive, and lends the package the dependencies that it declares, and no others. */
async function install(project: string, name: string): Promise<void> {
  const folder = join(project, "node_modules/@acrkit", name);
  await mkdir(folder, { recursive: true });
  const packed = await run("npm", ["pack", "--silent", "--pack-destination", project], {
    cwd: join(root, "packages", name),
  });
  await run("tar", ["-xzf", join(project, packed.stdout.trim()), "-C", folder, "--strip-components=1"]);
  const { dependencies } = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  // For the compiler's --types, and because a user of the client has Azure Core's types at hand.
  for (const dependency of [...Object.keys(dependencies), "@types/node"]) {
    if (dependency.startsWith("@acrkit/")) continue;
    const target = join(project, "node_modules", dependency);
    await mkdir(join(target, ".."), { recursive: true });
    await symlink(join(root, "node_modules", dependency), target).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}
