import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ContainerRegistryClient } from "@acrkit/client";
import { type Emulator, startEmulator } from "@acrkit/emulator";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { linesOf, seedRepositories } from "./seed.ts";

const AUDIENCE = "https://containerregistry.azure.net/.default";
const run = promisify(execFile);

describe("the token cache on disk", () => {
  let emulator: Emulator;
  let root: string;
  let folder: string;
  beforeEach(async () => {
    emulator = await startEmulator({ tls: false });
    seedRepositories(emulator, ["team/app"]);
    root = await mkdtemp(join(tmpdir(), "acrkit-token-cache-"));
    folder = join(root, "tokens");
  });
  afterEach(async () => {
    await emulator.close();
    await rm(root, { recursive: true, force: true });
  });

  const exchanges = () => linesOf(emulator).filter((line) => line === "POST /oauth2/exchange").length;
  const read = (credential = emulator.credential) =>
    new ContainerRegistryClient(emulator.endpoint, credential, { tokenCache: { folder } }).getRepositoryProperties(
      "team/app",
    );
  const fileOf = async () => join(folder, (await readdir(folder))[0] ?? "");

  it("makes one exchange do for twenty processes, one after the other and several at a time", async () => {
    const { token } = await emulator.credential.getToken(AUDIENCE);
    const anotherProcess = () =>
      run(
        process.execPath,
        ["--conditions=@acrkit/source", join(import.meta.dirname, "token-cache-process.ts"), emulator.endpoint, folder],
        { env: { ...process.env, ENTRA_TOKEN: token } },
      );
    // The first ones find nothing, and each other.
    const lane = async () => {
      for (let left = 5; left > 0; left--) await anotherProcess();
    };
    await Promise.all([lane(), lane(), lane(), lane()]);
    expect(linesOf(emulator).filter((line) => line === "GET /acr/v1/team/app")).toHaveLength(20);
    expect(linesOf(emulator).filter((line) => line === "POST /oauth2/token")).toHaveLength(20);
    expect(exchanges()).toBe(1);
  });

  it("is not there unless it is asked for", async () => {
    const client = () => new ContainerRegistryClient(emulator.endpoint, emulator.credential);
    await client().getRepositoryProperties("team/app");
    await client().getRepositoryProperties("team/app");
    expect(exchanges()).toBe(2);
  });

  it("holds a refresh token and no other, for its owner alone", async () => {
    await read();
    expect(await readdir(folder)).toHaveLength(1);
    const { refreshToken } = JSON.parse(await readFile(await fileOf(), "utf8"));
    const claims = JSON.parse(Buffer.from(refreshToken.split(".")[1], "base64url").toString());
    expect(claims.grant_type).toBe("refresh_token");
    if (process.platform !== "win32") {
      expect((await stat(folder)).mode & 0o777).toBe(0o700);
      expect((await stat(await fileOf())).mode & 0o777).toBe(0o600);
    }
  });

  it("never gives one user's token to another", async () => {
    await read();
    const other = emulator.credentialFor({ repositories: { other: ["pull"] } });
    await expect(read(other)).rejects.toMatchObject({ statusCode: 401 });
    expect(exchanges()).toBe(2);
    expect(await readdir(folder)).toHaveLength(2);
  });

  it("keeps nothing of an Entra token that does not say whose it is", async () => {
    const { token } = await emulator.credential.getToken(AUDIENCE);
    const asked: string[] = [];
    const opaque = { objectId: "", getToken: async () => ({ token: "opaque", expiresOnTimestamp: Date.now() * 2 }) };
    const client = new ContainerRegistryClient(emulator.endpoint, opaque, {
      tokenCache: { folder },
      additionalPolicies: [
        {
          position: "perCall",
          policy: {
            name: "exchange with what the registry knows",
            sendRequest(request, next) {
              asked.push(request.url);
              if (typeof request.body === "string") request.body = request.body.replace("opaque", token);
              return next(request);
            },
          },
        },
      ],
    });
    await client.getRepositoryProperties("team/app");
    expect(asked).toHaveLength(3);
    await expect(readdir(folder)).rejects.toThrow(/ENOENT/);
  });

  it("gets over a token that was revoked: one exchange more, whose token takes its place", async () => {
    await read();
    const path = await fileOf();
    const content = JSON.parse(await readFile(path, "utf8"));
    // It looks good, and is refused.
    const refreshToken = content.refreshToken.replace(/[^.]+$/, "c2lnbmVkLWJ5LXNvbWVib2R5LWVsc2U");
    await writeFile(path, JSON.stringify({ ...content, refreshToken }), { mode: 0o600 });
    await read();
    expect(exchanges()).toBe(2);
    await read();
    expect(exchanges()).toBe(2);
    expect(JSON.parse(await readFile(path, "utf8")).refreshToken).not.toBe(refreshToken);
  });

  it("exchanges anew once the token has to be renewed by the registry's clock", async () => {
    // A registry that is two hours ahead: its tokens look as if they lived longer than they do.
    emulator.clock.advance(2 * 60 * 60_000);
    await read();
    await read();
    expect(exchanges()).toBe(1);
    const { clockOffsetMs } = JSON.parse(await readFile(await fileOf(), "utf8"));
    expect(typeof clockOffsetMs).toBe("number");
  });

  it.each([
    ["nothing", ""],
    ["half of it", '{"version":1,"key":"'],
    ["something else", "[1,2,3]"],
    ["a megabyte", "x".repeat(1024 * 1024)],
  ])("gets over a file that holds %s", async (_, text) => {
    await read();
    await writeFile(await fileOf(), text);
    await read();
    expect(exchanges()).toBe(2);
  });

  it("does without where the folder cannot be made", async () => {
    await writeFile(folder, "a file");
    await read();
    await read();
    expect(exchanges()).toBe(2);
    expect(await readFile(folder, "utf8")).toBe("a file");
  });
});
