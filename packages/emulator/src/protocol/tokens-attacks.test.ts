import { createHmac, createPrivateKey, randomUUID, sign } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeJwt, decodeProtectedHeader, exportSPKI, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { HOST, type ReceivedAnswer, type TestRegistry, testRegistry } from "../testing/in-process.ts";

const PASSWORD = "the-right-password";
const TEXT = "authentication required, visit https://aka.ms/acr/authorization for more information.";
const AUDIENCE = "https://containerregistry.azure.net/.default";

const base64url = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

describe("credentials that are not to be taken", () => {
  let registry: TestRegistry;
  let key: Parameters<SignJWT["sign"]>[0];
  let privateJwk: JWK;
  let publicPem: string;
  let good: string;
  let claims: Record<string, unknown>;
  let header: { alg: string; typ?: string; kid?: string };

  beforeAll(async () => {
    registry = await testRegistry({ adminUser: { username: "admin", password: PASSWORD } });
    await registry.pushImage("team/app", "v1");
    good = await registry.token("repository:team/app:pull,metadata_read");
    claims = decodeJwt(good);
    header = decodeProtectedHeader(good) as typeof header;
    privateJwk = JSON.parse(await readFile(join(registry.folder, "secrets", "signing-key.json"), "utf8"));
    key = await importJWK(privateJwk, "RS256");
    const { kty, n, e } = privateJwk as Record<string, string>;
    publicPem = await exportSPKI(
      (await importJWK({ kty, n, e } as JWK, "RS256", { extractable: true })) as Parameters<typeof exportSPKI>[0],
    );
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  /** Signed with the registry's own key. */
  const signed = (changes: Record<string, unknown>, headerChanges: Record<string, unknown> = {}) =>
    new SignJWT({ ...claims, ...changes }).setProtectedHeader({ ...header, ...headerChanges }).sign(key);
  /** The same for what no library would sign. */
  const signedBytes = (head: unknown, payload: unknown) => {
    const content = `${base64url(head)}.${base64url(payload)}`;
    const privateKey = createPrivateKey({ key: privateJwk as never, format: "jwk" });
    return `${content}.${sign("sha256", Buffer.from(content), privateKey).toString("base64url")}`;
  };
  const ask = (authorization: string) => registry.send("GET", "/acr/v1/team/app/_tags", { headers: { authorization } });
  const seconds = () => Math.floor(registry.registry.context.clock.now() / 1000);

  /** 2.1, in every respect; and nothing went wrong inside. */
  function expectRefused(answer: ReceivedAnswer, error: "invalid_token" | "insufficient_scope"): void {
    expect([answer.status, answer.failure]).toEqual([401, undefined]);
    expect(answer.json.errors).toEqual([
      {
        code: "UNAUTHORIZED",
        message: TEXT,
        detail: [{ Type: "repository", Name: "team/app", Action: "metadata_read" }],
      },
    ]);
    expect(answer.header("www-authenticate")).toBe(
      `Bearer realm="https://${HOST}/oauth2/token",service="${HOST}",scope="repository:team/app:metadata_read",error="${error}"`,
    );
  }

  it("while the right one is", async () => {
    expect((await ask(`Bearer ${good}`)).status).toBe(200);
    expect((await ask(`Bearer ${await signed({})}`)).status).toBe(200);
  });

  const bearers: readonly (readonly [string, () => Promise<string> | string])[] = [
    ["that has expired", () => signed({ exp: seconds() - 1 })],
    ["that expires this second", () => signed({ exp: seconds() })],
    ["that never expires", () => signed({ exp: undefined })],
    ["whose end is a text", () => signed({ exp: String(seconds() + 1000) })],
    ["that is not yet valid", () => signed({ nbf: seconds() + 60 })],
    ["whose claims were changed", () => good.replace(/\.[^.]+\./, `.${base64url({ ...claims, sub: "other" })}.`)],
    [
      "with the signature of another token",
      async () => good.replace(/[^.]+$/, (await signed({ jti: randomUUID() })).split(".")[2] ?? ""),
    ],
    ["that is unsigned (alg: none)", () => `${base64url({ ...header, alg: "none" })}.${base64url(claims)}.`],
    [
      "that says it is unsigned, but has a signature",
      () => `${base64url({ ...header, alg: "none" })}.${good.split(".").slice(1).join(".")}`,
    ],
    [
      "signed by HS256 with the public key as the secret",
      () => {
        const content = `${base64url({ ...header, alg: "HS256" })}.${base64url(claims)}`;
        return `${content}.${createHmac("sha256", publicPem).update(content).digest("base64url")}`;
      },
    ],
    ["of an unknown key, though signed with ours", () => signed({}, { kid: "AAAA:BBBB" })],
    ["without a key id", () => signed({}, { kid: undefined })],
    [
      "of another key that says it is ours",
      async () => new SignJWT(claims).setProtectedHeader(header).sign((await generateKeyPair("RS256")).privateKey),
    ],
    ["for another host", () => signed({ aud: "other.azurecr.io" })],
    ["for several hosts", () => signed({ aud: [HOST, "other.azurecr.io"] })],
    ["of another issuer", () => signed({ iss: "https://evil.example" })],
    ["of another registry beside this one, which has the same key", () => signed({ rid: "f".repeat(32) })],
    [
      "that is a refresh token",
      () =>
        registry.registry.context.tokens.refreshToken(HOST, {
          subject: "someone",
          clientId: "app",
          permissions: ["read"],
          isAbac: false,
        }),
    ],
    ["of Entra ID", async () => (await registry.credential().getToken(AUDIENCE)).token],
    ["of the federation", () => registry.registry.context.entra.federatedToken("someone")],
    ["cut off in the signature", () => good.slice(0, -10)],
    ["cut off in the claims", () => good.split(".").slice(0, 2).join(".").slice(0, -5)],
    ["with a segment more", () => `${good}.${good.split(".")[2]}`],
    ["with an empty segment", () => good.replace(".", "..")],
    ["with five segments, as if encrypted", () => `${good}.a.b`],
    ["of 100 KB", () => signed({ padding: "x".repeat(100_000) })],
    ["of 100 KB of dots", () => ".".repeat(100_000)],
    ["with characters that base64 has not", () => good.replace(/.$/, "\u00e9")],
    ["that is no token", () => "nonsense"],
    ["whose parts are no JSON", () => `${base64url("no")}.${base64url("json")}.${base64url("here")}`],
    ["whose header demands an extension", () => signedBytes({ ...header, crit: ["x"], x: 1 }, claims)],
    ["whose signed claims are no object", () => signedBytes(header, null)],
    ["whose signed claims are no JSON", () => signedBytes(header, "{")],
  ];
  it.for(bearers)("a bearer token %s", async ([, make]) => {
    expectRefused(await ask(`Bearer ${await make()}`), "invalid_token");
  });

  it.for(["Basic", "Bearer"])("a megabyte of spaces after %s, which takes no longer than any other", async (scheme) => {
    for (const rest of ["a b", "", "a b c "]) {
      const answer = await ask(`${scheme} ${" ".repeat(1_000_000)}${rest}`);
      expect([answer.status, answer.failure]).toEqual([401, undefined]);
    }
  });

  it("a bearer token for another repository, or for less", async () => {
    for (const scope of ["repository:team/other:metadata_read", "repository:team/app:pull", "registry:catalog:*"]) {
      expectRefused(await ask(`Bearer ${await registry.token(scope)}`), "insufficient_scope");
    }
  });

  it("a token whose time is over, though its claims are remembered", async () => {
    await using own = await testRegistry();
    const authorization = `Bearer ${await own.token("registry:catalog:*")}`;
    const list = () => own.send("GET", "/acr/v1/_catalog", { headers: { authorization } });
    expect((await list()).status).toBe(200);
    own.registry.context.clock.advance(76 * 60 * 1000);
    expect((await list()).status).toBe(401);
    own.registry.context.clock.advance(-80 * 60 * 1000);
    expect((await list()).status).toBe(401);
    own.registry.context.clock.advance(5 * 60 * 1000);
    expect((await list()).status).toBe(200);
  });

  describe("at the token endpoints", () => {
    const post = (path: string, form: Record<string, string>) =>
      registry.send("POST", path, { body: new URLSearchParams(form).toString() });
    const expectTokenRefused = (answer: ReceivedAnswer, message: string) => {
      expect([answer.status, answer.failure]).toEqual([401, undefined]);
      expect(answer.json).toEqual({ errors: [{ code: "UNAUTHORIZED", message }] });
      expect(answer.header("www-authenticate")).toBeUndefined();
    };
    const refresh = async () =>
      (
        await post("/oauth2/exchange", {
          grant_type: "access_token",
          access_token: (await registry.credential().getToken(AUDIENCE)).token,
        })
      ).json.refresh_token as string;

    it("an access token, Entra's token, and a changed one in the place of a refresh token", async () => {
      const right = await refresh();
      const entras = (await registry.credential().getToken(AUDIENCE)).token;
      const changed = right.replace(/\.[^.]+\./, `.${base64url({ ...decodeJwt(right), sub: "admin" })}.`);
      for (const token of [good, entras, changed, "", "nonsense", "x".repeat(100_000)]) {
        const form = { grant_type: "refresh_token", service: HOST, scope: "registry:catalog:*", refresh_token: token };
        expectTokenRefused(await post("/oauth2/token", form), TEXT);
      }
    });

    it("a token of this registry, and Entra's of another tenant or audience, in the place of Entra's", async () => {
      await using other = await testRegistry();
      const { objectId } = registry.credential();
      const { tenantId } = registry.registry.context.entra.directory;
      const entras = {
        aud: "https://containerregistry.azure.net",
        iss: `https://sts.windows.net/${tenantId}/`,
        oid: objectId,
        appid: objectId,
      };
      const exchange = (access_token: string) =>
        post("/oauth2/exchange", { grant_type: "access_token", service: HOST, access_token });
      expect((await exchange(await signed(entras))).status).toBe(200);
      for (const token of [
        good,
        await refresh(),
        (await other.credential().getToken(AUDIENCE)).token,
        (await registry.credential().getToken("https://graph.microsoft.com/.default")).token,
        (await registry.credential().getToken("https://containerregistry.azure.net.evil.example/.default")).token,
        await signed({ ...entras, iss: `https://sts.windows.net/${randomUUID()}/` }),
        await signed({ ...entras, iss: "https://federation.acrkit.invalid" }),
        await signed({ ...entras, aud: ["https://containerregistry.azure.net"] }),
        await signed({ ...entras, oid: randomUUID() }),
        await signed({ ...entras, exp: seconds() - 1 }),
        await signed({ ...entras, nbf: seconds() + 100 }),
        "nonsense",
        "",
        "x".repeat(100_000),
      ]) {
        expectTokenRefused(await exchange(token), "retrieving permissions failed");
      }
    });

    it.for([
      ["two parts", "repository:pull"],
      ["no name", "repository::pull"],
      ["one good, one bad", "repository:a:pull nonsense"],
      ["a single one of 100 KB", `repository:${"a".repeat(100_000)}:pull`],
      ["5 000 of them", "repository:a:pull ".repeat(5000)],
      ["a name of control characters", "\u0000\u0001\n"],
    ])("scopes that cannot be read: %s", async ([, scope = ""]) => {
      const answer = await post("/oauth2/token", {
        grant_type: "refresh_token",
        scope,
        refresh_token: await refresh(),
      });
      expect([answer.status, answer.failure]).toEqual([400, undefined]);
      expect(answer.json.errors[0].message).toBe("the token request is not valid");
    });

    it.for([
      ["a name that leaves its repository", "repository:../../etc:pull"],
      ["a name with a star inside", "repository:te*m:pull"],
      ["an unknown type", "toString:constructor:__proto__"],
      ["no action", "repository:team/app:"],
      ["500 repositories", Array.from({ length: 500 }, (_, index) => `repository:r${index}:pull`).join(" ")],
    ])("scopes that reach nothing they should not: %s", async ([, scope = ""]) => {
      const { access_token } = (
        await post("/oauth2/token", { grant_type: "refresh_token", scope, refresh_token: await refresh() })
      ).json;
      expectRefused(await ask(`Bearer ${access_token}`), "insufficient_scope");
    });
  });

  describe("Basic", () => {
    const raw = (bytes: string | Uint8Array) => `Basic ${Buffer.from(bytes).toString("base64")}`;

    it.for([
      ["a wrong password", "admin:wrong", TEXT],
      ["an empty password", "admin:", TEXT],
      ["no colon", "admin", TEXT],
      ["the right password with something behind it", `admin:${PASSWORD}x`, TEXT],
      ["the beginning of the right password", `admin:${PASSWORD.slice(0, -1)}`, TEXT],
      ["nothing at all", "", "Application not registered with AAD."],
      ["no user name", `:${PASSWORD}`, "Application not registered with AAD."],
      ["another case of the name", `ADMIN:${PASSWORD}`, "Application not registered with AAD."],
      ["a NUL in the name", `admin\u0000:${PASSWORD}`, "Application not registered with AAD."],
      ["a name of 100 KB", `${"a".repeat(100_000)}:x`, "Application not registered with AAD."],
      ["a name of every object", "constructor:x", "Application not registered with AAD."],
    ])("with %s", async ([, text = "", message]) => {
      const answer = await ask(raw(text));
      expect([answer.status, answer.failure]).toEqual([401, undefined]);
      expect(answer.header("www-authenticate")).toBe(`Basic realm="Azure Container Registry"`);
      expect(answer.json.errors[0]).toMatchObject({ code: "UNAUTHORIZED", message });
      expect(answer.text).not.toContain(PASSWORD);
    });

    it.for([
      ["bytes that are no UTF-8", raw(Uint8Array.of(0xff, 0xfe, 0x3a, 0x80))],
      ["what is no base64", "Basic !!!!"],
      ["no credentials", "Basic "],
      ["no credentials and no space", "Basic"],
    ])("with %s", async ([, authorization = ""]) => {
      const answer = await ask(authorization);
      expect([answer.status, answer.failure]).toEqual([401, undefined]);
      expect(answer.json.errors[0].code).toBe("UNAUTHORIZED");
    });

    it("with a newline at the end of the name: the service stumbles, and so do we, on purpose (2.5)", async () => {
      for (const answer of [
        await ask(raw(`admin\n:${PASSWORD}`)),
        await registry.send("GET", "/oauth2/token?scope=registry:catalog:*", {
          headers: { authorization: raw(`admin\n:${PASSWORD}`) },
        }),
      ]) {
        expect([answer.status, answer.failure]).toEqual([500, undefined]);
        expect(answer.json.errors[0].code).toBe("UNKNOWN");
        expect(answer.text).not.toContain(PASSWORD);
      }
    });
  });
});
