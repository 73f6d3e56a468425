import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ContainerRegistryClient, type ContainerRegistryClientOptions, CredentialChain } from "@acrkit/client";
import { type EmulatorResponse, type Interceptor, startEmulator } from "@acrkit/emulator";
import { ERROR_CODES, errorCodeEntry } from "@acrkit/oci";
import { describe, expect, test } from "vitest";
import { DOCKER_FAILURES } from "./docker-failures.ts";
import { startExampleRegistry } from "./emulator.ts";
import { runnableFences } from "./extract.ts";
import { runProgram } from "./run.ts";

// Holds TROUBLESHOOTING.md against the library, both ways: every code has a heading, and under every heading stands what
// somebody who calls the library really sees.

const repository = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(repository, path), "utf8");

interface Entry {
  readonly code: string;
  readonly section: string;
  /** The class that "You see" names. */
  readonly name: string;
  readonly status: number | undefined;
}

function readEntries(markdown: string): readonly Entry[] {
  return markdown.split(/^## /m).flatMap((chapter) => {
    const [section = ""] = chapter.split("\n");
    return chapter
      .split(/^### /m)
      .slice(1)
      .flatMap((entry) => {
        const [heading = ""] = entry.split("\n");
        const seen = /^- \*\*You see:\*\* `(\w+)`(?:, status (\d+))?$/m.exec(entry);
        expect(seen, `${heading} says what one sees`).not.toBeNull();
        expect(entry, `${heading} says what it means, and what to do`).toMatch(/It means:[\s\S]*What to do:/);
        return [...heading.matchAll(/`([A-Z_0-9]+)`/g)].map(([, code = ""]) => ({
          code,
          section,
          name: seen?.[1] ?? "",
          status: seen?.[2] === undefined ? undefined : Number(seen[2]),
        }));
      });
  });
}

const entries = readEntries(read("TROUBLESHOOTING.md"));
const inSection = (section: string) => entries.filter((entry) => entry.section === section);

/** The error that the call ends in. */
async function failureOf(call: Promise<unknown>): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    return error;
  }
  throw new Error("the call did not fail");
}

/** What a chain is asked. */
const ASKED = { registry: "registry.example", repositories: [], scopes: [], audience: "https://audience.example" };

const noRetries: ContainerRegistryClientOptions = { retryOptions: { maxRetries: 0 } };
const json = (status: number, body: unknown): EmulatorResponse => ({
  status,
  headers: [["content-type", "application/json"]],
  body: new TextEncoder().encode(JSON.stringify(body)),
});

/** What `call` fails with at an emulator that `interceptor` changes. */
async function failureAt(
  interceptor: Interceptor,
  call: (client: ContainerRegistryClient) => Promise<unknown>,
  options?: ContainerRegistryClientOptions,
): Promise<unknown> {
  await using emulator = await startEmulator({ tls: false });
  emulator.intercept(interceptor);
  const client = new ContainerRegistryClient(emulator.endpoint, emulator.credential, { ...noRetries, ...options });
  // Awaited here: the emulator closes when this function ends.
  return await failureOf(call(client));
}

/** What a call fails with whose every request fails with `code`, and how many requests it took with one retry allowed. */
async function failureOfConnection(code: string): Promise<{ readonly error: unknown; readonly requests: number }> {
  let requests = 0;
  const httpClient = {
    sendRequest: async () => {
      requests += 1;
      throw Object.assign(new Error(`simulated ${code}`), { code });
    },
  };
  const client = new ContainerRegistryClient("https://myregistry.azurecr.io", {
    httpClient,
    retryOptions: { maxRetries: 1, retryDelayInMs: 1 },
  });
  return { error: await failureOf(client.getRepositoryProperties("team/app")), requests };
}

function seenIn({ code, name, status }: Entry) {
  return { name, code, ...(status === undefined ? {} : { statusCode: status }) };
}

test("its examples run", async () => {
  const examples = runnableFences(read("TROUBLESHOOTING.md"));
  expect(examples).not.toHaveLength(0);
  await using registry = await startExampleRegistry();
  for (const { line, code } of examples) await runProgram({ place: `TROUBLESHOOTING.md:${line}`, code }, registry);
});

test("no code has two headings", () => {
  const codes = entries.map(({ code }) => code);
  expect(codes).toEqual([...new Set(codes)]);
});

describe("codes of the registry", () => {
  const section = inSection("Codes of the registry");

  test("are those of the table, all of them", () => {
    expect(section.map(({ code }) => code).toSorted()).toEqual(Object.keys(ERROR_CODES).toSorted());
  });

  test.each(section)("$code is seen as $name, status $status", async (entry) => {
    expect(entry.status).toBe(ERROR_CODES[entry.code as keyof typeof ERROR_CODES].status);
    const refuse: Interceptor = (request, next) =>
      request.path.startsWith("/acr/")
        ? json(entry.status ?? 0, { errors: [{ code: entry.code, message: "simulated" }] })
        : next(request);
    expect(await failureAt(refuse, (client) => client.getRepositoryProperties("team/app"))).toMatchObject(
      seenIn(entry),
    );
  });
});

describe("codes of this library", () => {
  const section = inSection("Codes of this library");
  const digest = `sha256:${"0".repeat(64)}`;
  const untouched: Interceptor = (request, next) => next(request);
  const redirectTo =
    (location: string): Interceptor =>
    (request, next) =>
      request.path.includes("/blobs/sha256") ? { status: 307, headers: [["location", location]] } : next(request);
  async function* failing() {
    yield "some";
    throw new Error("the disk is gone");
  }

  /** One way to see each. */
  const ways: Readonly<Record<string, () => Promise<unknown>>> = {
    ...DOCKER_FAILURES,
    CONTENT_READ_FAILED: () => failureAt(untouched, (client) => client.uploadBlob("team/app", failing())),
    CONTENT_WRITE_FAILED: () =>
      failureAt(untouched, async (client) => {
        const { digest: sent } = await client.uploadBlob("team/app", "text");
        await (await client.downloadBlob("team/app", sent)).toFile(join(import.meta.dirname, "no such folder", "file"));
      }),
    DIGEST_MISMATCH: () => failureAt(untouched, (client) => client.uploadBlob("team/app", "text", { digest })),
    IDLE_TIMEOUT: () =>
      failureAt(
        async (request, next) => {
          await new Promise((resolve) => setTimeout(resolve, 100));
          return next(request);
        },
        (client) => client.getRepositoryProperties("team/app"),
        { idleTimeoutInMs: 10 },
      ),
    INVALID_INPUT: () => failureAt(untouched, (client) => client.getRepositoryProperties("Team/App")),
    INVALID_MANIFEST: () => failureAt(untouched, (client) => client.setManifest("team/app", "no manifest")),
    INVALID_REDIRECT: () =>
      failureAt(redirectTo("ftp://elsewhere"), (client) => client.downloadBlob("team/app", digest)),
    CREDENTIAL_FAILED: () =>
      failureOf(
        new CredentialChain([{ name: "vault", credential: () => Promise.reject(new Error("it is sealed")) }]).resolve(
          ASKED,
        ),
      ),
    CREDENTIAL_UNAVAILABLE: () =>
      failureOf(new CredentialChain([{ name: "nobody", credential: () => undefined }]).resolve(ASKED)),
    INVALID_TOKEN_ANSWER: () =>
      failureAt(
        (request, next) => (request.path.startsWith("/oauth2/") ? json(200, {}) : next(request)),
        (client) => client.getRepositoryProperties("team/app"),
      ),
    JOURNAL_FAILED: () =>
      failureAt(untouched, (client) =>
        client.uploadBlob("team/app", "text", { journal: join(import.meta.filename, "in a file") }),
      ),
    LIMIT_EXCEEDED: () => failureAt(untouched, (client) => client.setManifest("team/app", " ".repeat(5_000_000))),
    REQUEST_SEND_ERROR: async () => (await failureOfConnection("REQUEST_SEND_ERROR")).error,
    TOO_MANY_REDIRECTS: () =>
      failureAt(redirectTo(`/v2/team/app/blobs/${digest}`), (client) => client.downloadBlob("team/app", digest)),
    TRANSFER_TIMEOUT: () =>
      failureAt(
        async (request, next) => {
          await new Promise((resolve) => setTimeout(resolve, 100));
          return next(request);
        },
        (client) => client.uploadBlob("team/app", "text", { timeoutInMs: 10 }),
      ),
    UNEXPECTED_RESPONSE: () =>
      failureAt(
        (request, next) => (request.path.startsWith("/acr/") ? json(200, "not an object") : next(request)),
        (client) => client.getRepositoryProperties("team/app"),
      ),
  };

  /** Seen in browsers only, where the tests of contracts/browser see it. */
  const elsewhere = ["UNSUPPORTED_HERE"];

  test("are all that the sources name", () => {
    const sources = globSync(["packages/client/src/**/*.ts", "packages/oci/src/errors.ts"], { cwd: repository })
      .filter((path) => !/\.test\.ts$|\/testing\//.test(path))
      .map(read);
    const named = sources.flatMap((source) =>
      [...source.matchAll(/\b(?:code(?::| =)|\w+_CODE =) "([A-Z_]+)"/g)].map(([, code = ""]) => code),
    );
    // Codes of the registry and of the connection that this library gives to what amounts to the same have their entry there.
    const connection = inSection("Codes of the connection").map(({ code }) => code);
    const own = named.filter((code) => errorCodeEntry(code) === undefined && !connection.includes(code));
    expect(section.map(({ code }) => code).toSorted()).toEqual([...new Set([...own, "REQUEST_SEND_ERROR"])].sort());
  });

  test.each(section.filter(({ code }) => !elsewhere.includes(code)))("$code is seen as $name", async (entry) => {
    expect(await ways[entry.code]?.()).toMatchObject(seenIn(entry));
  });
});

describe("codes of the connection", () => {
  const section = inSection("Codes of the connection");

  test("are all that are tried again", () => {
    const [, list = ""] =
      /TRANSIENT_CODES = new Set\(\[([\s\S]*?)\]/.exec(read("packages/client/src/pipeline/transient.ts")) ?? [];
    const transient = [...list.matchAll(/"(\w+)"/g)].map(([, code = ""]) => code);
    expect(transient.length).toBeGreaterThan(5);
    expect(section.map(({ code }) => code).toSorted()).toEqual(transient.toSorted());
  });

  test.each(section)("$code is tried again, and then seen as $name", async (entry) => {
    const { error, requests } = await failureOfConnection(entry.code);
    expect(error).toMatchObject(seenIn(entry));
    expect(requests).toBe(2);
  });
});

describe("certificates", () => {
  test.each(inSection("Certificates"))("$code is seen at once as $name", async (entry) => {
    const { error, requests } = await failureOfConnection(entry.code);
    expect(error).toMatchObject(seenIn(entry));
    expect(requests).toBe(1);
  });

  test("the emulator's own, not trusted", async () => {
    await using emulator = await startEmulator();
    const client = new ContainerRegistryClient(emulator.endpoint, emulator.credential);
    const error = await failureOf(client.getRepositoryProperties("team/app"));
    expect(error).toMatchObject({ name: "TransportError", code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
  });

  test("ECONNRESET where http is spoken to https", async () => {
    await using emulator = await startEmulator();
    const endpoint = emulator.endpoint.replace("https:", "http:");
    const client = new ContainerRegistryClient(endpoint, emulator.credential, noRetries);
    expect(await failureOf(client.getRepositoryProperties("team/app"))).toMatchObject({ code: "ECONNRESET" });
  });

  test("EPROTO where https is spoken to http", async () => {
    await using emulator = await startEmulator({ tls: false });
    const endpoint = emulator.endpoint.replace("http:", "https:");
    const client = new ContainerRegistryClient(endpoint, emulator.credential, noRetries);
    expect(await failureOf(client.getRepositoryProperties("team/app"))).toMatchObject({ code: "EPROTO" });
  });
});
