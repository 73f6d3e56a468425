import { compactVerify, exportJWK, type JWK, SignJWT } from "jose";
import type { SigningKey } from "./signing-key.ts";

export type Claims = Readonly<Record<string, unknown>>;

/** What a token turned out to be. */
export type Verified =
  | { readonly kind: "valid"; readonly claims: Claims }
  | { readonly kind: "expired" }
  | { readonly kind: "premature" }
  | { readonly kind: "forged" };

/**
 * Checking a signature costs a tenth of a millisecond or more; clients send the same token again and again. Together
 * with the bound below this is at most some 8 MB.
 */
const MAX_REMEMBERED = 1000;
const MAX_REMEMBERED_CHARACTERS = 8192;

/** Tokens are about a kilobyte; one for very many repositories still fits. What is longer is not looked at. */
const MAX_TOKEN_CHARACTERS = 65_536;

/** Three parts, none of them empty: an unsigned token ends before anything is decoded. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Signs tokens, and recognises its own. */
export class Jwts {
  readonly #key: () => Promise<SigningKey>;
  readonly #now: () => number;
  /** Claims of tokens whose signature was found good, oldest first; their times are checked at each use. */
  readonly #remembered = new Map<string, Claims>();

  constructor(key: () => Promise<SigningKey>, now: () => number) {
    this.#key = key;
    this.#now = now;
  }

  /** Seconds since 1970, as the claims of a token count. */
  nowSeconds(): number {
    return Math.floor(this.#now() / 1000);
  }

  async sign(claims: Claims, header: Readonly<Record<string, string>> = {}): Promise<string> {
    const { kid, privateKey } = await this.#key();
    const token = await new SignJWT({ ...claims })
      .setProtectedHeader({ alg: "RS256", typ: "JWT", ...header, kid })
      .sign(privateKey);
    this.#remember(token, claims);
    return token;
  }

  async verify(token: string): Promise<Verified> {
    let claims = this.#remembered.get(token);
    if (claims === undefined) {
      claims = await this.#verifySignature(token);
      if (claims === undefined) return { kind: "forged" };
      this.#remember(token, claims);
    }
    const { nbf, exp } = claims;
    const now = this.nowSeconds();
    if (typeof exp !== "number" || exp <= now) return { kind: "expired" };
    if (typeof nbf === "number" && nbf > now) return { kind: "premature" };
    return { kind: "valid", claims };
  }

  /** The public key, for whoever verifies the tokens elsewhere. */
  async publicKey(): Promise<JWK & { readonly kid: string }> {
    const { kid, publicKey } = await this.#key();
    return { ...(await exportJWK(publicKey)), kid };
  }

  async #verifySignature(token: string): Promise<Claims | undefined> {
    // Before the key is asked for, which is made when it is first needed: nonsense costs nothing.
    if (token.length > MAX_TOKEN_CHARACTERS || !COMPACT.test(token)) return undefined;
    const { kid, publicKey } = await this.#key();
    try {
      // No other algorithm: `none`, or HS256 with the public key for a secret.
      const { payload, protectedHeader } = await compactVerify(token, publicKey, { algorithms: ["RS256"] });
      if (protectedHeader.kid !== kid) return undefined;
      const claims: unknown = JSON.parse(new TextDecoder().decode(payload));
      return typeof claims === "object" && claims !== null ? (claims as Claims) : undefined;
    } catch {
      return undefined;
    }
  }

  #remember(token: string, claims: Claims): void {
    if (token.length > MAX_REMEMBERED_CHARACTERS) return;
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size >= MAX_REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
    this.#remembered.set(token, claims);
  }
}
