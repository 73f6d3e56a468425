import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf, MediaType, parseScopes } from "@acrkit/oci";
import { type EmulatorCredential, Entra } from "../auth/entra.ts";
import { createDirectoryIdentity } from "../auth/entra-directory.ts";
import { Jwts } from "../auth/jwt.ts";
import type { PermissionOptions } from "../auth/roles.ts";
import { lazySigningKey } from "../auth/signing-key.ts";
import { createClock } from "../clock.ts";
import type { EmulatorOptions } from "../options.ts";
import type { EmulatorResponse, HeaderLine, Origin } from "../protocol/message.ts";
import { openRegistry, type Registry } from "../registry.ts";
import { createFileSecrets } from "../storage/secrets.ts";

export const HOST = "registry.test";

/** What a test sends. `scope` asks for a token of these scopes; `authorization` is sent as it is. */
export interface SentRequest {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  readonly scope?: string;
}

/** An answer, read to its end. */
export interface ReceivedAnswer {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  header(name: string): string | undefined;
  lines(name: string): readonly string[];
  readonly bytes: Uint8Array;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes
  readonly json: any;
  readonly failure: unknown;
}

/** A registry called as a function: no sockets, no server. */
export interface TestRegistry extends AsyncDisposable {
  readonly registry: Registry;
  readonly folder: string;
  send(method: string, target: string, sent?: SentRequest): Promise<ReceivedAnswer>;
  /** Sends to the storage origin; `target` may be the whole URL. */
  download(target: string, sent?: SentRequest & { readonly method?: string }): Promise<ReceivedAnswer>;
  token(scope: string): Promise<string>;
  /** Of a new identity of Entra ID that may do no more than is given. */
  credential(permissions?: PermissionOptions): EmulatorCredential;
  /** Uploads in one go. */
  pushBlob(repository: string, content: string | Uint8Array): Promise<string>;
  /** Pushes an OCI image of one layer with a config that names a platform; gives its digest. */
  pushImage(repository: string, reference: string, options?: { layer?: string; members?: object }): Promise<string>;
}

export async function testRegistry(options: EmulatorOptions = {}): Promise<TestRegistry> {
  const folder = options.dataFolder ?? (await mkdtemp(join(tmpdir(), "acrkit-emulator-test-")));
  const addresses = { registry: () => HOST, hostname: "localhost", storagePort: () => 444 };
  const secrets = createFileSecrets(join(folder, "secrets"), { durable: false });
  const clock = createClock(options.now);
  const jwts = new Jwts(
    lazySigningKey((create) => secrets.getOrCreate("signing-key.json", create)),
    clock.now,
  );
  const scheme = options.tls === false ? "http" : "https";
  const entra = new Entra(jwts, createDirectoryIdentity(), clock.now);
  const surroundings = { clock, jwts, entra: async () => entra, durable: false, scheme };
  const removeFolder = async () => {
    if (options.dataFolder === undefined) await rm(folder, { recursive: true, force: true });
  };
  const registry = await openRegistry(folder, options, surroundings, addresses).catch(async (error) => {
    await removeFolder();
    throw error;
  });

  const exchange = async (origin: Exclude<Origin, "entra">, method: string, target: string, sent: SentRequest) => {
    const [path = "", query = ""] = target.split(/\?(.*)/s);
    const headers: Record<string, string> = { host: HOST, ...sent.headers };
    if (sent.scope !== undefined) headers.authorization = `Bearer ${await token(sent.scope)}`;
    return received(
      await registry.handlers[origin]({
        origin,
        method,
        path,
        query: new URLSearchParams(query),
        headers,
        body: bodyOf(sent.body ?? ""),
      }),
    );
  };
  const send = (method: string, target: string, sent: SentRequest = {}) => exchange("registry", method, target, sent);
  const token = (scope: string) => registry.context.tokens.accessToken(HOST, "tester", parseScopes(scope));

  const pushBlob = async (repository: string, content: string | Uint8Array) => {
    const digest = digestOf(typeof content === "string" ? Buffer.from(content) : content);
    const scope = `repository:${repository}:pull,push`;
    const started = await send("POST", `/v2/${repository}/blobs/uploads/`, { scope });
    await send("PUT", `${started.header("Location")}&digest=${digest}`, { scope, body: content });
    return digest;
  };

  return {
    registry,
    folder,
    send,
    download: (target, { method = "GET", ...sent } = {}) =>
      exchange("storage", method, target.replace(/^https?:\/\/[^/]*/, ""), sent),
    token,
    credential(permissions = {}) {
      const application = entra.directory.register();
      registry.access.assign(application, permissions);
      return entra.credential(application);
    },
    pushBlob,
    async pushImage(repository, reference, { layer = "layer", members = {} } = {}) {
      const config = JSON.stringify({ architecture: "amd64", os: "linux" });
      const manifest = JSON.stringify({
        schemaVersion: 2,
        config: { mediaType: MediaType.ociConfig, digest: await pushBlob(repository, config), size: config.length },
        layers: [{ mediaType: MediaType.ociLayer, digest: await pushBlob(repository, layer), size: layer.length }],
        ...members,
      });
      const answer = await send("PUT", `/v2/${repository}/manifests/${reference}`, {
        scope: `repository:${repository}:pull,push`,
        headers: { "content-type": MediaType.ociManifest },
        body: manifest,
      });
      if (answer.status !== 201) throw new Error(`the push of ${reference} answered ${answer.status}: ${answer.text}`);
      return answer.header("Docker-Content-Digest") ?? "";
    },
    async [Symbol.asyncDispose]() {
      registry.close();
      await removeFolder();
    },
  };
}

async function* bodyOf(body: string | Uint8Array | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (typeof body === "string") yield Buffer.from(body);
  else if (body instanceof Uint8Array) yield body;
  else yield* body;
}

async function received({ status, headers, body, failure }: EmulatorResponse): Promise<ReceivedAnswer> {
  const parts: Uint8Array[] = [];
  if (body instanceof Uint8Array) parts.push(body);
  else if (body !== undefined) for await (const part of body) parts.push(part);
  const bytes = Buffer.concat(parts);
  const lines = (name: string) =>
    headers.filter(([line]) => line.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  return {
    status,
    headers,
    header: (name) => lines(name)[0],
    lines,
    bytes,
    text: bytes.toString(),
    get json() {
      return JSON.parse(bytes.toString());
    },
    failure,
  };
}
