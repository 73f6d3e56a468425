import { describe, expect, test } from "vitest";
import type { SecretFolder } from "../runtime/port.ts";
import { unsignedJwt } from "../testing/acr-registry.ts";
import { recordLogs } from "../testing/logs.ts";
import { createRefreshTokenStore } from "./refresh-token-store.ts";

const REGISTRY = new URL("https://registry.example.azurecr.io");
const HOST = REGISTRY.host;
const OWNER = { tenant: "tenant", object: "object", application: "application" };
const NOW = 1_700_000_000_000;
const LIFE_S = 11_700;
const MARGIN_MS = 5 * 60_000;

const tokenOf = (claims: object = {}) =>
  unsignedJwt({ grant_type: "refresh_token", aud: HOST, iat: NOW / 1000, exp: NOW / 1000 + LIFE_S, ...claims });

/** A folder that is a map. */
function folderOf(files = new Map<string, string>()) {
  const folder: SecretFolder = {
    read: async (name) => files.get(name),
    write: async (name, text) => void files.set(name, text),
    remove: async (name) => void files.delete(name),
    inTurn: (_name, _signal, work) => work(),
  };
  return { files, open: async () => folder };
}

async function keptIn(open: () => Promise<SecretFolder>, owner = OWNER, registry = REGISTRY, service = HOST) {
  const kept = await createRefreshTokenStore(registry, open).find(service, owner);
  if (kept === undefined) throw new Error("there is no store");
  return kept;
}

test("a token is found by another process of its owner, until it has to be renewed", async () => {
  const { open } = folderOf();
  await (await keptIn(open)).write(tokenOf(), 0);
  const kept = await keptIn(open);
  const renewAtMs = NOW + LIFE_S * 1000 - MARGIN_MS;
  expect(await kept.read(NOW + 60_000)).toEqual({ value: tokenOf(), renewAtMs });
  expect(await kept.read(renewAtMs - 1)).toBeDefined();
  expect(await kept.read(renewAtMs)).toBeUndefined();
});

test.each([-7_200_000, 7_200_000])("its expiry is by the registry's clock, which is %i ms ahead", async (offset) => {
  const { open } = folderOf();
  const iat = (NOW + offset) / 1000;
  await (await keptIn(open)).write(tokenOf({ iat, exp: iat + LIFE_S }), offset);
  const renewAtMs = NOW + LIFE_S * 1000 - MARGIN_MS;
  expect((await (await keptIn(open)).read(NOW))?.renewAtMs).toBe(renewAtMs);
});

test.each([
  ["another tenant", { ...OWNER, tenant: "other" }, REGISTRY],
  ["another user", { ...OWNER, object: "other" }, REGISTRY],
  ["another application", { ...OWNER, application: "other" }, REGISTRY],
  ["nobody's application", { ...OWNER, application: undefined }, REGISTRY],
  ["the same parts, cut elsewhere", { tenant: "tenantobject", object: "", application: "application" }, REGISTRY],
  ["another registry", OWNER, new URL("https://other.example.azurecr.io")],
  ["another port", OWNER, new URL(`${REGISTRY.origin}:8443`)],
  ["another scheme", OWNER, new URL(`http://${HOST}`)],
])("it is not found by %s", async (_, owner, registry) => {
  const { open } = folderOf();
  await (await keptIn(open)).write(tokenOf(), 0);
  expect(await (await keptIn(open, owner as typeof OWNER, registry)).read(NOW)).toBeUndefined();
});

test("names and contents of the files say nothing of who and where, but for the token", async () => {
  const { files, open } = folderOf();
  await (await keptIn(open)).write(tokenOf(), 0);
  expect([...files.keys()]).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
  expect(Object.keys(JSON.parse([...files.values()][0] ?? ""))).toEqual([
    "version",
    "key",
    "refreshToken",
    "clockOffsetMs",
  ]);
});

describe("what is there and is no token of this registry counts for nothing:", () => {
  const content = (key: string) => ({ version: 1, key, refreshToken: tokenOf(), clockOffsetMs: 0 });
  test.each<[string, (key: string) => unknown]>([
    ["nothing", () => ""],
    ["half a file", (key) => JSON.stringify(content(key)).slice(0, 40)],
    ["null", () => null],
    ["a list", () => []],
    ["a number", () => 5],
    ["another version", (key) => ({ ...content(key), version: 2 })],
    ["another one's file under this name", (key) => content(key.replace(/./g, "0"))],
    ["an access token", (key) => ({ ...content(key), refreshToken: tokenOf({ grant_type: "access_token" }) })],
    ["another registry's token", (key) => ({ ...content(key), refreshToken: tokenOf({ aud: "other" }) })],
    ["an opaque token", (key) => ({ ...content(key), refreshToken: "opaque" })],
    ["a token with a line break", (key) => ({ ...content(key), refreshToken: `${tokenOf()}\n` })],
    ["a token that never ends", (key) => ({ ...content(key), refreshToken: tokenOf({ exp: undefined }) })],
    ["a clock that is none", (key) => ({ ...content(key), clockOffsetMs: "0" })],
  ])("%s", async (_, make) => {
    const { files, open } = folderOf();
    const kept = await keptIn(open);
    await kept.write(tokenOf(), 0);
    const key = [...files.keys()][0] ?? "";
    expect(await kept.read(NOW)).toBeDefined();
    const made = make(key);
    files.set(key, typeof made === "string" ? made : JSON.stringify(made));
    expect(await kept.read(NOW)).toBeUndefined();
  });
});

test.each([
  ["an access token", tokenOf({ grant_type: "access_token" })],
  ["an opaque token", "opaque"],
  ["another registry's token", tokenOf({ aud: "other" })],
])("%s is not written", async (_, token) => {
  const { files, open } = folderOf();
  await (await keptIn(open)).write(token, 0);
  expect(files.size).toBe(0);
});

test("what was refused is removed, but not what another process has put there since", async () => {
  const { files, open } = folderOf();
  const kept = await keptIn(open);
  await kept.write(tokenOf({ jti: "new" }), 0);
  await kept.remove(tokenOf({ jti: "old" }));
  expect(files.size).toBe(1);
  await kept.remove(tokenOf({ jti: "new" }));
  expect(files.size).toBe(0);
});

describe("a folder that cannot be used is a warning, and no failure:", () => {
  const broken = async (): Promise<never> => {
    throw new Error("EACCES: permission denied");
  };

  test("it cannot be opened, which is tried once", async () => {
    const logs = recordLogs();
    const store = createRefreshTokenStore(REGISTRY, broken);
    expect(await store.find(HOST, OWNER)).toBeUndefined();
    expect(await store.find(HOST, OWNER)).toBeUndefined();
    expect(logs.filter((line) => line.includes("EACCES"))).toHaveLength(1);
  });

  test("it cannot be read, written or cleaned", async () => {
    const logs = recordLogs();
    const kept = await keptIn(async () => ({ read: broken, write: broken, remove: broken, inTurn: broken }));
    expect(await kept.read(NOW)).toBeUndefined();
    await kept.write(tokenOf(), 0);
    await kept.remove(tokenOf());
    expect(logs.join("\n")).toContain("EACCES");
    expect(logs.join("\n")).not.toContain(tokenOf());
  });
});
