import { randomUUID, sign, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseScopes } from "@acrkit/oci";
import { makeSelfSigned } from "../certificates/self-signed.ts";

export const ISSUER = "contracts";
export const SERVICE = "docker-registry of the contracts";
export const USER = { username: "user", password: "pa55word" };
export const IDENTITY_TOKEN = "identity-token";

/** A token service as distribution specifies it: GET with Basic or without, POST with an identity token. */
export interface TokenServer {
  readonly realm: string;
  readonly origin: string;
  /** PEM, for the registry's `rootcertbundle`. */
  readonly certificateFile: string;
  /** `GET user repository:app:pull`, as they came. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** Grants whoever logs in what they ask for, and everyone else the pull of `public/…`. Needs `openssl`. */
export async function startTokenServer(): Promise<TokenServer> {
  const folder = await mkdtemp(join(tmpdir(), "acrkit-token-server-"));
  const { keyFile, certificateFile } = makeSelfSigned(folder, ISSUER);
  const key = await readFile(keyFile, "utf8");
  const x5c = [new X509Certificate(await readFile(certificateFile)).raw.toString("base64")];
  const asked: string[] = [];

  const server = createServer(async (request, response) => {
    const { user, scope } = await readRequest(request);
    asked.push(`${request.method} ${user ?? "nobody"} ${scope}`.trim());
    response.setHeader("content-type", "application/json");
    if (user === "refused") {
      response.writeHead(401).end(JSON.stringify({ details: "incorrect username or password" }));
      return;
    }
    const access = parseScopes(scope).filter(({ name, actions }) => {
      return user !== undefined || (name.startsWith("public/") && actions.every((action) => action === "pull"));
    });
    const iat = Math.floor(Date.now() / 1000);
    const claims = {
      iss: ISSUER,
      sub: user ?? "",
      aud: SERVICE,
      iat,
      nbf: iat - 5,
      exp: iat + 300,
      jti: randomUUID(),
      access,
    };
    response.end(JSON.stringify({ token: signed({ typ: "JWT", alg: "RS256", x5c }, claims, key), expires_in: 300 }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    realm: `${origin}/token`,
    origin,
    certificateFile,
    asked,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function readRequest(request: IncomingMessage): Promise<{ user: string | undefined; scope: string }> {
  let body = "";
  for await (const part of request) body += part;
  if (request.method === "POST") {
    const form = new URLSearchParams(body);
    const isGood = form.get("grant_type") === "refresh_token" && form.get("refresh_token") === IDENTITY_TOKEN;
    // The specification wants a client_id.
    const user = isGood && form.has("client_id") ? "identity" : "refused";
    return { user, scope: form.get("scope") ?? "" };
  }
  const { searchParams } = new URL(request.url ?? "", "http://localhost");
  const scope = searchParams.getAll("scope").join(" ");
  const { authorization } = request.headers;
  if (authorization === undefined) return { user: undefined, scope };
  const isGood = authorization === `Basic ${btoa(`${USER.username}:${USER.password}`)}`;
  return { user: isGood ? USER.username : "refused", scope };
}

function signed(header: object, claims: object, key: string): string {
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  return `${text}.${sign("sha256", Buffer.from(text), key).toString("base64url")}`;
}
