import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import {
  ClientAuthenticationError,
  type ClientCredential,
  ContainerRegistryClient,
  CredentialChain,
} from "@acrkit/client";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { missingProgram } from "../registries/installed.ts";
import { servedBy } from "../registries/program.ts";
import type { RegistryUnderTest } from "../registries/registry.ts";
import { IDENTITY_TOKEN, ISSUER, SERVICE, startTokenServer, type TokenServer, USER } from "./token-server.ts";

const missing = missingProgram("docker-registry") ?? missingProgram("openssl");

const start = (auth: object) =>
  servedBy("docker-registry", (folder, port) => ({
    version: "0.1",
    log: { level: "error" },
    storage: { filesystem: { rootdirectory: folder } },
    http: { addr: `127.0.0.1:${port}` },
    auth,
  }));

/** Large enough not to be held in memory, and readable once. */
const stream = () => Readable.from(Array.from({ length: 40 }, (_, index) => Buffer.alloc(256 * 1024, index)));

/** What takes a login of every kind: a push, a pull, a mount. */
async function pushAndPull(client: ContainerRegistryClient, repository = "app"): Promise<void> {
  const { digest, sizeInBytes } = await client.uploadBlob(repository, stream());
  expect(sizeInBytes).toBe(40 * 256 * 1024);
  expect((await (await client.downloadBlob(repository, digest)).bytes()).byteLength).toBe(sizeInBytes);
  expect(await client.mountBlob("other", digest, repository)).toBe(true);
}

describe.skipIf(missing !== undefined)("docker-registry with htpasswd", () => {
  let folder: string;
  let registry: RegistryUnderTest;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "acrkit-htpasswd-"));
    const path = join(folder, "htpasswd");
    // bcrypt of pa55word, which is all that distribution takes.
    await writeFile(path, "user:$2b$04$abcdefghijklmnopqrstuupn6eahIV9Ml9lnlQtVt1Wes7/c.Zj26\n");
    registry = await start({ htpasswd: { realm: "contracts", path } });
  });
  afterAll(async () => {
    await registry?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const client = (credential?: ClientCredential) => new ContainerRegistryClient(registry.endpoint, credential);

  it("takes user name and password with every request", () => pushAndPull(client(USER)));

  it("takes them from a function and from a chain", async () => {
    await pushAndPull(client(async ({ registry: host }) => (registry.endpoint.endsWith(host) ? USER : undefined)));
    await pushAndPull(client(new CredentialChain([{ name: "user", credential: USER }])));
  });

  it("logs in after a try without, when asked to", async () => {
    const patient = new ContainerRegistryClient(registry.endpoint, USER, { anonymousFirst: true });
    await pushAndPull(patient);
    expect(await patient.blobExists("app", `sha256:${"0".repeat(64)}`)).toBe(false);
  });

  it("refuses a wrong password, once, which is told without it", async () => {
    const error = await refusalOf(client({ ...USER, password: "wr0ng-password" }).uploadBlob("app", "content"));
    expect(error.statusCode).toBe(401);
    expect(error.message).not.toContain("wr0ng-password");
  });

  it("refuses whoever has none", async () => {
    await refusalOf(client().uploadBlob("app", "content"));
    await refusalOf(client({ refreshToken: "a-refresh-token" }).uploadBlob("app", "content"));
    await refusalOf(
      client({ getToken: async () => ({ token: "entra", expiresOnTimestamp: 0 }) }).uploadBlob("app", "x"),
    );
  });
});

describe.skipIf(missing !== undefined)("docker-registry with a token service", () => {
  let tokens: TokenServer;
  let registry: RegistryUnderTest;
  beforeAll(async () => {
    tokens = await startTokenServer();
    const { realm, certificateFile } = tokens;
    registry = await start({ token: { realm, service: SERVICE, issuer: ISSUER, rootcertbundle: certificateFile } });
  });
  afterAll(async () => {
    await registry?.close();
    await tokens?.close();
  });
  afterEach(() => {
    tokens.asked.length = 0;
  });

  const client = (credential?: ClientCredential) =>
    new ContainerRegistryClient(registry.endpoint, credential, { trustedTokenOrigins: [tokens.origin] });

  it("takes the tokens that user name and password get there, one for each set of scopes", async () => {
    await pushAndPull(client(USER));
    expect(tokens.asked).toEqual([
      "GET user repository:app:pull,push",
      expect.stringMatching(
        /^GET user repository:(?:app:pull repository:other:pull,push|other:pull,push repository:app:pull)$/,
      ),
    ]);
  });

  it("takes those of an identity token, as docker stores it", async () => {
    await pushAndPull(client({ refreshToken: IDENTITY_TOKEN }));
    expect(tokens.asked[0]).toBe("POST identity repository:app:pull,push");
  });

  it("gives everyone what is public, without a credential", async () => {
    const { digest } = await client(USER).uploadBlob("public/app", "content");
    tokens.asked.length = 0;
    expect(await client().blobExists("public/app", digest)).toBe(true);
    const error = await refusalOf(client().uploadBlob("public/app", "other content"));
    expect(error.hint).toMatch(/No credential was given.*given nothing/);
    expect(tokens.asked).toEqual([
      "GET nobody repository:public/app:pull",
      "GET nobody repository:public/app:pull,push",
    ]);
  });

  it("tries without a credential first, when asked to", async () => {
    await client(USER).uploadBlob("private/app", "content");
    const { digest } = await client(USER).uploadBlob("public/app", "content");
    tokens.asked.length = 0;
    const options = { trustedTokenOrigins: [tokens.origin], anonymousFirst: true };
    const patient = new ContainerRegistryClient(registry.endpoint, USER, options);
    expect(await patient.blobExists("public/app", digest)).toBe(true);
    expect(await patient.blobExists("private/app", digest)).toBe(true);
    expect(tokens.asked.map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
      "GET nobody",
      "GET nobody",
      "GET user",
    ]);
  });

  it("sends nothing secret to a token service that the client was not told to trust", async () => {
    const wary = new ContainerRegistryClient(registry.endpoint, USER);
    const error = await refusalOf(wary.uploadBlob("app", "content"));
    expect(error.message).toContain("trustedTokenOrigins");
    expect(tokens.asked).toEqual([]);
  });

  it("is not sent an Entra token by a client that was told to trust it with a password", async () => {
    const asked: unknown[] = [];
    const getToken = async (scope: unknown) => {
      asked.push(scope);
      return { token: "entra-token", expiresOnTimestamp: Date.now() + 3_600_000 };
    };
    await refusalOf(client({ getToken }).uploadBlob("app", "content"));
    expect(tokens.asked.join()).not.toContain("entra");
  });

  it("refuses a wrong password, which is told without it", async () => {
    const error = await refusalOf(client({ ...USER, password: "wr0ng-password" }).uploadBlob("app", "content"));
    expect(error.statusCode).toBe(401);
    expect(error.message).not.toContain("wr0ng-password");
  });
});

async function refusalOf(call: Promise<unknown>): Promise<ClientAuthenticationError> {
  const error = await call.then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(ClientAuthenticationError);
  return error as ClientAuthenticationError;
}
