import { randomBytes } from "node:crypto";
import type { ServicePrincipals } from "./authenticator.ts";
import { type Application, type DirectoryIdentity, EntraDirectory } from "./entra-directory.ts";
import type { Claims, Jwts } from "./jwt.ts";

/** Structurally an Azure SDK `TokenCredential`. */
export interface EmulatorCredential {
  /** Whom roles are assigned to. */
  readonly objectId: string;
  /** The token's audience is taken from the (first) scope: `https://containerregistry.azure.net/.default`. */
  getToken(
    scopes: string | readonly string[],
    options?: unknown,
  ): Promise<{ token: string; expiresOnTimestamp: number }>;
}

/** Who an access token of Entra ID was given to. */
export interface EntraIdentity {
  readonly objectId: string;
  readonly clientId: string;
}

/** What a registry exchanges tokens for (2.7): its own audience, and that of ARM in each cloud. */
const AUDIENCES = new Set([
  "https://containerregistry.azure.net",
  "https://management.azure.com",
  "https://management.core.windows.net",
  "https://management.chinacloudapi.cn",
  "https://management.core.chinacloudapi.cn",
  "https://management.usgovcloudapi.net",
  "https://management.core.usgovcloudapi.net",
  "https://management.microsoftazure.de",
]);

/** Seconds; what Entra answers to `client_credentials` as `expires_in`. */
export const ENTRA_TOKEN_LIFE = 3599;

/** Who issues federated tokens here: as a cluster, or a build service, would. */
export const FEDERATION_ISSUER = "https://federation.acrkit.invalid";

/** What a federated token has to be for: the audience that Entra recommends, and Azure's own tools ask for. */
const FEDERATION_AUDIENCE = "api://AzureADTokenExchange";

/** How an application proved who it is, as the claim `appidacr` has it. */
export type ProofOfIdentity = "secret" | "assertion";

/** Stands in for Entra ID: gives tokens to the applications of its directory, and knows them again. */
export class Entra implements ServicePrincipals {
  readonly directory: EntraDirectory;
  readonly #jwts: Jwts;
  readonly #issuer: string;

  constructor(jwts: Jwts, identity: DirectoryIdentity, now: () => number) {
    this.#jwts = jwts;
    this.directory = new EntraDirectory(identity, now);
    this.#issuer = `https://sts.windows.net/${identity.tenantId}/`;
  }

  /** An application's access token, with the claims of version 1.0, in which tokens for registries are. */
  async accessToken(
    { clientId, objectId }: Application,
    audience: string,
    proof: ProofOfIdentity = "secret",
  ): Promise<{ readonly token: string; readonly expiresOn: number }> {
    const now = this.#jwts.nowSeconds();
    const claims = {
      aud: audience,
      iss: this.#issuer,
      iat: now,
      nbf: now,
      exp: now + ENTRA_TOKEN_LIFE,
      aio: opaque(),
      appid: clientId,
      appidacr: proof === "secret" ? "1" : "2",
      idp: this.#issuer,
      idtyp: "app",
      oid: objectId,
      rh: `1.${opaque()}`,
      sub: objectId,
      tid: this.directory.tenantId,
      uti: opaque(),
      ver: "1.0",
    };
    return { token: await this.#jwts.sign(claims), expiresOn: claims.exp };
  }

  /** A credential for an application of this directory. */
  credential(application: Application): EmulatorCredential {
    return {
      objectId: application.objectId,
      getToken: async (scopes) => {
        const [scope = ""] = typeof scopes === "string" ? [scopes] : scopes;
        const { token, expiresOn } = await this.accessToken(application, audienceOf(scope));
        return { token, expiresOnTimestamp: expiresOn * 1000 };
      },
    };
  }

  /** Who sent this token; undefined when it is not from here, out of date, or for another audience. */
  async identify(token: string): Promise<EntraIdentity | undefined> {
    const verified = await this.#jwts.verify(token);
    if (verified.kind !== "valid") return undefined;
    const { iss, aud, oid, appid } = verified.claims;
    // Registries sign with the same key here.
    if (iss !== this.#issuer || typeof aud !== "string") return undefined;
    // `https://management.core.windows.net//.default` asks for an audience with a slash at its end.
    if (!AUDIENCES.has(aud.replace(/\/$/, ""))) return undefined;
    return { objectId: String(oid), clientId: String(appid) };
  }

  secretLogin(clientId: string, secret: string): Application | "unknown" | "wrong" {
    const found = this.directory.checkSecret(clientId, secret);
    return found === "expired" ? "wrong" : found;
  }

  /** A token of the issuer that the directory trusts: what a cluster's or a build's own identity would be. */
  async federatedToken(subject: string, audience = FEDERATION_AUDIENCE): Promise<string> {
    const now = this.#jwts.nowSeconds();
    return this.#jwts.sign({
      iss: FEDERATION_ISSUER,
      sub: subject,
      aud: audience,
      iat: now,
      nbf: now,
      exp: now + ENTRA_TOKEN_LIFE,
      jti: opaque(),
    });
  }

  /** The claims of a federated token; what is wrong with it otherwise. */
  async readFederatedToken(token: string): Promise<Claims | "forged" | "out of date" | "other audience"> {
    const verified = await this.#jwts.verify(token);
    if (verified.kind === "forged") return "forged";
    if (verified.kind !== "valid") return "out of date";
    const { iss, aud } = verified.claims;
    if (iss !== FEDERATION_ISSUER) return "forged";
    return aud === FEDERATION_AUDIENCE ? verified.claims : "other audience";
  }

  /** What verifies the tokens, as Entra publishes it. */
  async publicKeys(): Promise<readonly Claims[]> {
    const { kty, kid, n, e } = await this.#jwts.publicKey();
    return [{ kty, use: "sig", kid, n, e, alg: "RS256", issuer: this.#issuer }];
  }
}

/** The resource of a scope: `https://management.azure.com/.default` is for `https://management.azure.com`. */
export function audienceOf(scope: string): string {
  return scope.replace(/\/\.default$/, "");
}

/** A value that only Entra itself reads. */
function opaque(): string {
  return randomBytes(16).toString("base64url");
}
