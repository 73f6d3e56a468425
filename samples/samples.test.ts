import { execFile } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContainerRegistryClient, ResourceNotFoundError } from "@acrkit/client";
import { type Emulator, startEmulator } from "@acrkit/emulator";
import { describe, expect, test } from "vitest";

const folder = import.meta.dirname;

/** A registry for one test, the way a sample reaches it, and a look behind its back. */
interface Registry extends AsyncDisposable {
  readonly client: ContainerRegistryClient;
  readonly clock: Emulator["clock"];
  readonly requests: Emulator["requests"];
  /** Where samples run: a folder of their own. */
  readonly folder: string;
  /** Runs a sample as its reader does: `node samples/NAME.ts`. */
  run(name: string, ...parameters: readonly string[]): Promise<readonly string[]>;
}

async function startRegistry(): Promise<Registry> {
  const emulator = await startEmulator({ anonymousPull: true });
  const cwd = await mkdtemp(join(tmpdir(), "acrkit-samples-"));
  const certificate = join(cwd, "registry.pem");
  await writeFile(certificate, emulator.certificate);
  const { PATH, TMPDIR } = process.env;
  const env = {
    PATH,
    TMPDIR,
    CONTAINERREGISTRY_ENDPOINT: emulator.endpoint,
    CONTAINERREGISTRY_ANONREGISTRY_ENDPOINT: emulator.endpoint,
    CONTAINERREGISTRY_USERNAME: emulator.admin?.username,
    CONTAINERREGISTRY_PASSWORD: emulator.admin?.password,
    NODE_EXTRA_CA_CERTS: certificate,
  };
  return {
    client: new ContainerRegistryClient(emulator.endpoint, emulator.credential, {
      tlsOptions: { ca: emulator.certificate },
    }),
    clock: emulator.clock,
    requests: emulator.requests,
    folder: cwd,
    run: (name, ...parameters) => runNode([join(folder, `${name}.ts`), ...parameters], { cwd, env }),
    async [Symbol.asyncDispose]() {
      await emulator.close();
      await rm(cwd, { recursive: true, force: true });
    },
  };
}

/** The lines that the program printed. Against the sources: a test needs no build. */
function runNode(
  parameters: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ["--conditions=@acrkit/source", ...parameters], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout.trimEnd().split("\n"));
      else reject(new Error(`${stdout}\n${stderr}`, { cause: error }));
    });
  });
}

/** Pushes an image whose only layer is `text`; gives its digest. */
async function push(client: ContainerRegistryClient, repository: string, tag: string, text = tag) {
  const config = await client.uploadBlob(repository, "{}");
  const layer = await client.uploadBlob(repository, text);
  const { digest } = await client.setManifest(
    repository,
    {
      schemaVersion: 2,
      config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: config.digest, size: 2 },
      layers: [{ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: layer.digest, size: layer.sizeInBytes }],
    },
    { tag },
  );
  return digest;
}

async function all<T>(list: AsyncIterable<T>): Promise<T[]> {
  const elements: T[] = [];
  for await (const element of list) elements.push(element);
  return elements;
}

const anHour = 60 * 60 * 1000;

describe("list-repositories", () => {
  test("prints every name", async () => {
    await using registry = await startRegistry();
    for (const name of ["team/b", "team/a", "library/hello-world"]) await push(registry.client, name, "v1");
    expect(await registry.run("list-repositories")).toEqual(["library/hello-world", "team/a", "team/b"]);
  });
});

describe("list-tags-anonymously", () => {
  test("prints the tags of one image, and of no other", async () => {
    await using registry = await startRegistry();
    await push(registry.client, "library/hello-world", "v0");
    const digest = await push(registry.client, "library/hello-world", "v1");
    await push(registry.client, "library/hello-world", "latest", "v1");
    expect(await registry.run("list-tags-anonymously")).toEqual([
      `Tags of library/hello-world@${digest}:`,
      "latest",
      "v1",
    ]);
  });
});

describe("set-artifact-properties", () => {
  test("locks the image against writing and deleting", async () => {
    await using registry = await startRegistry();
    const digest = await push(registry.client, "library/hello-world", "v1");
    expect(await registry.run("set-artifact-properties")).toEqual([
      `library/hello-world@${digest}: canRead true, canWrite false, canDelete false`,
    ]);
    await expect(registry.client.deleteManifest("library/hello-world", digest)).rejects.toMatchObject({
      name: "ResourceLockedError",
    });
  });
});

describe("keep-newest-three", () => {
  test("keeps the three newest, deletes the rest though it is locked, and touches nothing else", async () => {
    await using registry = await startRegistry();
    const { client, clock } = registry;
    const digests: string[] = [];
    // Alphabetically the other way round: only the time tells which are the newest.
    for (const tag of ["e", "d", "c", "b", "a"]) {
      digests.push(await push(client, "team/app", tag));
      clock.advance(anHour);
    }
    for (const tag of ["1", "2", "3", "4"]) await push(client, "team/other", tag);
    const [oldest = "", second = "", ...newest] = digests;
    await client.updateManifestProperties("team/app", oldest, { canWrite: false, canDelete: false });

    expect(await registry.run("keep-newest-three", "team/app")).toEqual([
      `Deleting team/app@${second}`,
      `Deleting team/app@${oldest}`,
    ]);
    const kept = (await all(client.listManifestProperties("team/app"))).map(({ digest }) => digest);
    expect(kept.toSorted()).toEqual(newest.toSorted());
    expect(await all(client.listManifestProperties("team/other"))).toHaveLength(4);
  });

  test("without a repository deletes nothing and says what is missing", async () => {
    await using registry = await startRegistry();
    for (const tag of ["1", "2", "3", "4"]) await push(registry.client, "team/app", tag);
    await expect(registry.run("keep-newest-three")).rejects.toThrow("Name the repository");
    expect(await all(registry.client.listManifestProperties("team/app"))).toHaveLength(4);
  });
});

describe("upload-image", () => {
  test("uploads layer, config and manifest, tagged", async () => {
    await using registry = await startRegistry();
    const { client } = registry;
    const lines = await registry.run("upload-image");

    const image = await client.getManifest("sample-oci-image", "latest");
    if (image.kind !== "image") throw new Error(`not an image, but an ${image.kind}`);
    const [layer] = image.manifest.layers;
    expect(lines).toEqual([
      `Uploaded layer: digest - ${layer?.digest}, size - 12`,
      `Uploaded config: digest - ${image.manifest.config.digest}, size - 27`,
      `Uploaded manifest: digest - ${image.digest}`,
    ]);
    const download = await client.downloadBlob("sample-oci-image", layer?.digest ?? "");
    expect(new TextDecoder().decode(await download.bytes())).toBe("Sample layer");
  });
});

describe("download-image", () => {
  test("writes manifest, layers and config into a folder", async () => {
    await using registry = await startRegistry();
    const digest = await push(registry.client, "sample-oci-image", "latest", "the layer");
    const lines = await registry.run("download-image");

    const files = join(registry.folder, "sample-oci-image");
    const manifest = JSON.parse(await readFile(join(files, "manifest.json"), "utf8"));
    const layer = manifest.layers[0].digest.slice("sha256:".length);
    expect(lines).toEqual([
      `Got manifest: ${digest}`,
      `Got layer: ${join("sample-oci-image", layer)}`,
      `Got config: ${join("sample-oci-image", "config.json")}`,
    ]);
    expect((await readdir(files)).toSorted()).toEqual([layer, "config.json", "manifest.json"].toSorted());
    expect(await readFile(join(files, layer), "utf8")).toBe("the layer");
    expect(await readFile(join(files, "config.json"), "utf8")).toBe("{}");
  });
});

describe("delete-manifest", () => {
  test("deletes the image with all its tags, and no other", async () => {
    await using registry = await startRegistry();
    const { client } = registry;
    await push(client, "sample-oci-image", "other");
    await push(client, "sample-oci-image", "v1", "v1");
    const digest = await push(client, "sample-oci-image", "latest", "v1");
    expect(await registry.run("delete-manifest")).toEqual([`Deleted sample-oci-image@${digest}`]);
    expect((await all(client.listTagProperties("sample-oci-image"))).map(({ name }) => name)).toEqual(["other"]);
    await expect(client.getManifest("sample-oci-image", digest)).rejects.toThrow(ResourceNotFoundError);
  });
});

describe("delete-blob", () => {
  test("deletes layers and config", async () => {
    await using registry = await startRegistry();
    const { client } = registry;
    await push(client, "sample-oci-image", "latest");
    const image = await client.getManifest("sample-oci-image", "latest");
    if (image.kind !== "image") throw new Error(`not an image, but an ${image.kind}`);
    const layers = image.manifest.layers.map(({ digest }) => digest);
    const config = image.manifest.config.digest;
    expect(await registry.run("delete-blob")).toEqual([
      ...layers.map((digest) => `Deleted layer: ${digest}`),
      `Deleted config: ${config}`,
    ]);
    for (const digest of [...layers, config]) expect(await client.blobExists("sample-oci-image", digest)).toBe(false);
  });
});

describe("show-image", () => {
  test("prints repository, tag and manifest", async () => {
    await using registry = await startRegistry();
    const digest = await push(registry.client, "library/hello-world", "latest");
    await push(registry.client, "library/hello-world", "v1", "latest");
    const [repository, tag, manifest] = await registry.run("show-image");
    expect(repository).toBe("Repository library/hello-world: tagCount 2, manifestCount 1");
    expect(tag).toMatch(new RegExp(`^Tag latest: ${digest}, updated \\d{4}-.*Z$`));
    expect(manifest).toMatch(
      /^Manifest: \d+ bytes, application\/vnd\.oci\.image\.manifest\.v1\+json, tags latest, v1$/,
    );
  });
});

describe("lock-repository", () => {
  test("locks against pushing and deleting, and unlocks", async () => {
    await using registry = await startRegistry();
    const { client } = registry;
    await push(client, "team/app", "v1");
    expect(await registry.run("lock-repository", "team/app")).toEqual(["team/app: canWrite false, canDelete false"]);
    await expect(push(client, "team/app", "v2")).rejects.toMatchObject({ name: "ResourceLockedError" });
    await expect(client.deleteTag("team/app", "v1")).rejects.toMatchObject({ name: "ResourceLockedError" });
    expect(await registry.run("lock-repository", "team/app", "--unlock")).toEqual([
      "team/app: canWrite true, canDelete true",
    ]);
    await client.deleteTag("team/app", "v1");
  });
});

describe("delete-old-tags", () => {
  test("keeps the three newest tags, and every manifest", async () => {
    await using registry = await startRegistry();
    const { client, clock } = registry;
    for (const tag of ["e", "d", "c", "b", "a"]) {
      await push(client, "team/app", tag);
      clock.advance(anHour);
    }
    await client.updateTagProperties("team/app", "e", { canDelete: false });
    expect(await registry.run("delete-old-tags", "team/app")).toEqual(["Deleting team/app:d", "Deleting team/app:e"]);
    expect((await all(client.listTagProperties("team/app"))).map(({ name }) => name)).toEqual(["a", "b", "c"]);
    expect(await all(client.listManifestProperties("team/app"))).toHaveLength(5);
  });
});

describe("delete-repository", () => {
  test("deletes that repository alone", async () => {
    await using registry = await startRegistry();
    const { client } = registry;
    for (const tag of ["v1", "v2"]) await push(client, "team/old", tag);
    await push(client, "team/app", "v1");
    expect(await registry.run("delete-repository", "team/old")).toEqual(["Deleted team/old: 2 tags, 2 manifests"]);
    expect(await all(client.listRepositoryNames())).toEqual(["team/app"]);
  });
});

test.each(["lock-repository", "delete-old-tags", "delete-repository"])(
  "%s without a repository changes nothing and says what is missing",
  async (name) => {
    await using registry = await startRegistry();
    await push(registry.client, "team/app", "v1");
    registry.requests.clear();
    await expect(registry.run(name)).rejects.toThrow("Name the repository");
    expect(registry.requests.entries).toEqual([]);
  },
);

test("a sample that lacks its endpoint says so", async () => {
  const { PATH } = process.env;
  const run = runNode([join(folder, "list-repositories.ts")], { cwd: folder, env: { PATH } });
  await expect(run).rejects.toThrow("Set CONTAINERREGISTRY_ENDPOINT");
});

test("the README's table has a row for every sample, and for nothing else", async () => {
  const readme = await readFile(join(folder, "README.md"), "utf8");
  const listed = [...readme.matchAll(/^\| \[([\w-]+\.ts)\]\(\1\)/gm)].map((match) => match[1]);
  // A sample says how it is run; what it imports does not.
  const samples = globSync("*.ts", { cwd: folder }).filter((name) =>
    readFileSync(join(folder, name), "utf8").includes(` *   node samples/${name}`),
  );
  expect(listed.toSorted()).toEqual(samples.toSorted());
});

test("the repository's README shows the example of a test that runs here, to the letter", async () => {
  const example = await readFile(join(folder, "emulator.test.ts"), "utf8");
  expect(await readFile(join(folder, "../README.md"), "utf8")).toContain(`\`\`\`ts\n${example}\`\`\`\n`);
});
