import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { ContainerRegistryClient, dockerCredential, login, logout } from "@acrkit/client";
import { DefaultAzureCredential } from "@azure/identity";
import { describe, expect, it } from "vitest";
import { writeLayout } from "../peers/oci-layout.ts";
import { type Desk, openDesk } from "./desk.ts";
import { TOOLS, type Tool } from "./tools.ts";

for (const { name, missing } of TOOLS) {
  if (missing !== undefined) console.log(`SKIPPED: ${name} with credentials of docker: ${missing}`);
}
const LOGINS = TOOLS.filter(({ missing }) => missing === undefined);
const IMAGES = LOGINS.filter(({ images }) => images !== undefined);

/** The variables by which `DefaultAzureCredential` finds the emulator's Entra ID, and the helper the registry. */
const signedIn = (desk: Desk) => ({
  ...desk.emulator.entra.application.environment,
  ACRKIT_REGISTRIES: desk.registry,
});

async function pushAndPull(desk: Desk, { name, program, images }: Tool, environment = {}): Promise<void> {
  const layout = join(desk.folder, "work", `${name}-in`);
  const into = join(desk.folder, "work", `${name}-out`);
  const pushed = await writeLayout(layout, "v1", 2);
  const image = `${desk.registry}/team/${name}:v1`;
  await desk.run(program, images?.push(layout, image) ?? [], { environment });
  await desk.run(program, images?.pull(image, into) ?? [], { environment });
  // crane pushes an index that it finds in a layout as it is, and pulls into one of its own.
  const blob = join(into, "blobs", "sha256", pushed.digest.slice("sha256:".length));
  expect((await stat(blob)).size).toBe(pushed.size);
}

/** Our client, with whatever the desk's files say. */
async function canRead(desk: Desk, options: { readonly configFile?: string } = {}): Promise<boolean> {
  const credential = dockerCredential({ environment: { ...desk.environment, ...signedIn(desk) }, ...options });
  const client = new ContainerRegistryClient(desk.endpoint, credential, desk.trust);
  const names: string[] = [];
  for await (const name of client.listRepositoryNames()) names.push(name);
  return names.length >= 0;
}

const exchanges = ({ emulator }: Desk) =>
  emulator.requests.entries.filter(({ path }) => path.startsWith("/oauth2/exchange")).length;

describe("docker-credential-acrkit, with @azure/identity and the emulator's Entra ID", () => {
  it.each(IMAGES)("$name pushes and pulls with nothing but the helper's name in docker's file", async (tool) => {
    await using desk = await openDesk();
    await desk.write("docker/config.json", { credHelpers: { [desk.registry]: "acrkit" } });
    await pushAndPull(desk, tool, signedIn(desk));
    // Each program has run the helper at least once; one Entra token was exchanged for all of them.
    expect(exchanges(desk)).toBe(1);
  });

  it.skipIf(IMAGES.every(({ name }) => name !== "skopeo"))(
    "skopeo does with the helper's name in podman's file",
    async () => {
      await using desk = await openDesk();
      const REGISTRY_AUTH_FILE = await desk.write("auth.json", { credHelpers: { [desk.registry]: "acrkit" } });
      const tool = IMAGES.find(({ name }) => name === "skopeo") as Tool;
      await pushAndPull(desk, tool, { ...signedIn(desk), REGISTRY_AUTH_FILE });
    },
  );

  it("gives our own client its credential", async () => {
    await using desk = await openDesk();
    await desk.write("docker/config.json", { credsStore: "acrkit" });
    expect(await canRead(desk)).toBe(true);
    expect(exchanges(desk)).toBe(1);
  });

  it("exchanges one token for many calls", async () => {
    await using desk = await openDesk();
    const environment = signedIn(desk);
    const get = () => desk.run("docker-credential-acrkit", ["get"], { input: desk.registry, environment });
    // At the same time, with nothing kept so far, and one after the other.
    const [first = "", ...more] = (await Promise.all([get(), get(), get()])).map(({ out }) => out);
    expect(JSON.parse(first)).toMatchObject({ Username: "00000000-0000-0000-0000-000000000000" });
    for (let call = 0; call < 2; call++) more.push((await get()).out);
    expect(new Set(more)).toEqual(new Set([first]));
    expect(exchanges(desk)).toBe(1);
  });

  it("gives a registry that is not Azure's nothing, and asks nobody", async () => {
    await using desk = await openDesk();
    const environment = desk.emulator.entra.application.environment;
    const asked = desk.run("docker-credential-acrkit", ["get"], { input: desk.registry, environment });
    await expect(asked).rejects.toThrow("ended with 1:\ncredentials not found in native keychain");
    expect(desk.emulator.requests.entries).toEqual([]);
  });

  it("says what is missing: @azure/identity, or somebody who is signed in; and no secret when the sign-in is refused", async () => {
    await using desk = await openDesk();
    const get = (environment: Readonly<Record<string, string>>) =>
      desk.run("docker-credential-acrkit", ["get"], { input: desk.registry, environment });
    const hooks = `import { registerHooks } from "node:module";
      registerHooks({ resolve(specifier, context, next) {
        if (specifier === "@azure/identity") throw Object.assign(new Error("none"), { code: "ERR_MODULE_NOT_FOUND" });
        return next(specifier, context);
      } });`;
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(hooks)}`;
    await expect(get({ ...signedIn(desk), NODE_OPTIONS })).rejects.toThrow("npm install @azure/identity");
    const AZURE_CLIENT_SECRET = "hunter2-is-wrong";
    const refused = get({ ...signedIn(desk), AZURE_CLIENT_SECRET });
    await expect(refused).rejects.toThrow("AADSTS7000215");
    await expect(refused).rejects.not.toThrow("hunter2");
  });

  it.each(LOGINS)("keeps what $name login gives it, and forgets it with its logout", async (tool) => {
    await using desk = await openDesk();
    await desk.write("docker/config.json", { credHelpers: { [desk.registry]: "acrkit" } });
    const { username, password } = desk.admin;
    await desk.run(tool.program, tool.login(desk.registry, username), { input: password });
    const store = join(desk.folder, "docker", "acrkit-credentials.json");
    expect((await stat(store)).mode & 0o777).toBe(0o600);
    expect(JSON.parse((await desk.run("docker-credential-acrkit", ["list"])).out)).toEqual({
      [desk.registry]: username,
    });
    expect(await canRead(desk)).toBe(true);
    expect(exchanges(desk)).toBe(0);
    if (tool.images !== undefined) await pushAndPull(desk, tool);
    await desk.run(tool.program, tool.logout(desk.registry));
    expect(JSON.parse((await desk.run("docker-credential-acrkit", ["list"])).out)).toEqual({});
  });
});

describe("what others have logged in to, we read", () => {
  it.each(LOGINS)("$name login", async (tool) => {
    await using desk = await openDesk();
    const { username, password } = desk.admin;
    await desk.run(tool.program, tool.login(desk.registry, username), { input: password });
    const text = await readFile(desk.dockerConfig, "utf8");
    expect(text).toContain(desk.registry);
    expect(await canRead(desk)).toBe(true);
    // And what we take back, they have no longer.
    expect((await logout(desk.registry, desk)).storedIn).toBe(desk.dockerConfig);
    await expect(canRead(desk)).rejects.toMatchObject({ statusCode: 401 });
  });

  it.skipIf(IMAGES.every(({ name }) => name !== "skopeo"))(
    "podman's file, for the registry and for a namespace",
    async () => {
      await using desk = await openDesk();
      const { username, password } = desk.admin;
      const authfile = join(desk.folder, "run", "containers", "auth.json");
      const skopeoLogin = (place: string) =>
        desk.run("skopeo", ["login", "--authfile", authfile, place, "--username", username, "--password-stdin"], {
          input: password,
        });
      await skopeoLogin(desk.registry);
      const { DOCKER_CONFIG: _, ...environment } = desk.environment;
      const list = async () => {
        const client = new ContainerRegistryClient(desk.endpoint, dockerCredential({ environment }), desk.trust);
        return client.listRepositoryNames().next();
      };
      expect(await list()).toMatchObject({ done: true });
      expect(await canRead(desk, { configFile: authfile })).toBe(true);
      await logout(desk.registry, { configFile: authfile });

      await skopeoLogin(`${desk.registry}/team`);
      expect(Object.keys(JSON.parse(await readFile(authfile, "utf8")).auths)).toEqual([`${desk.registry}/team`]);
      const client = new ContainerRegistryClient(desk.endpoint, dockerCredential({ environment }), desk.trust);
      expect(await client.uploadBlob("team/app", "content")).toMatchObject({ sizeInBytes: 7 });
      await expect(client.uploadBlob("other/app", "content")).rejects.toMatchObject({ statusCode: 401 });
    },
  );
});

describe("what we have logged in to, others read", () => {
  it.each(IMAGES)("$name, with a password", async (tool) => {
    await using desk = await openDesk();
    expect((await login(desk.endpoint, desk.admin, { ...desk, ...desk.trust })).storedIn).toBe(desk.dockerConfig);
    await pushAndPull(desk, tool);
    await desk.run(tool.program, tool.logout(desk.registry));
    expect(JSON.parse(await readFile(desk.dockerConfig, "utf8")).auths ?? {}).toEqual({});
  });

  it.each(IMAGES)("$name, with the refresh token of an Entra credential", async (tool) => {
    await using desk = await openDesk();
    await login(desk.endpoint, desk.emulator.credential, { ...desk, ...desk.trust });
    await pushAndPull(desk, tool);
  });

  it.skipIf(IMAGES.every(({ name }) => name !== "skopeo"))("skopeo, in podman's file", async () => {
    await using desk = await openDesk();
    const configFile = join(desk.folder, "auth.json");
    await login(desk.endpoint, desk.admin, { ...desk, ...desk.trust, configFile });
    await pushAndPull(desk, IMAGES.find(({ name }) => name === "skopeo") as Tool, { REGISTRY_AUTH_FILE: configFile });
  });

  it("our own helper, through docker's file", async () => {
    await using desk = await openDesk();
    await desk.write("docker/config.json", { credsStore: "acrkit" });
    const stored = await login(desk.endpoint, desk.admin, { ...desk, ...desk.trust });
    expect(stored.storedIn).toBe("docker-credential-acrkit");
    expect(await canRead(desk)).toBe(true);
    await logout(desk.endpoint, desk);
    expect(JSON.parse((await desk.run("docker-credential-acrkit", ["list"])).out)).toEqual({});
  });

  it("a wrong password is stored nowhere", async () => {
    await using desk = await openDesk();
    const wrong = { username: desk.admin.username, password: "hunter2" };
    const refused = login(desk.endpoint, wrong, { ...desk, ...desk.trust });
    await expect(refused).rejects.toMatchObject({ statusCode: 401 });
    await expect(stat(desk.dockerConfig)).rejects.toThrow("ENOENT");
  });
});

it("the credential of @azure/identity itself can be logged in with", async () => {
  await using desk = await openDesk();
  const { environment } = desk.emulator.entra.application;
  for (const [name, value] of Object.entries(environment)) process.env[name] = value;
  try {
    const credential = new DefaultAzureCredential({ ...desk.trust, disableInstanceDiscovery: true });
    await login(desk.endpoint, credential, { ...desk, ...desk.trust });
    expect(await canRead(desk)).toBe(true);
  } finally {
    for (const name of Object.keys(environment)) delete process.env[name];
  }
});
