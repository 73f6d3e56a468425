import { compactVerify, SignJWT } from "jose";
import type { SigningKey } from "./signing-key.ts";

export type Claims = Readonly<Record<string, unknown>>;

/** What a token turned out to be. */
export type Verified =
  | { readonly kind: "valid"; readonly claims: Claims }
  | { readonly kind: "expired" }
  | { readonly kind: "forged" };

/** Checking a signature costs a tenth of a millisecond or more; clients send the same token again and again. */
const MAX_REMEMBERED = 1000;

/** Signs tokens, and recognises its own. */
export class Jwts {
  readonly #key: () => Promise<SigningKey>;
  readonly #now: () => number;
  /** Claims of tokens whose signature was found good; their times are checked at each use. */
  readonly #remembered = new Map<string, Claims>();

  constructor(key: () => Promise<SigningKey>, now: () => number) {
    this.#key = key;
    this.#now = now;
  }

  /** Seconds since 1970, as the claims of a token count. */
  nowSeconds(): number {
    return Math.floor(this.#now() / 1000);
  }

  async sign(claims: Claims): Promise<string> {
    const { kid, privateKey } = await this.#key();
    const token = await new SignJWT({ ...claims })
      .setProtectedHeader({ alg: "RS256", typ: "JWT", kid })
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
    return typeof claims.exp === "number" && claims.exp > this.nowSeconds()
      ? { kind: "valid", claims }
      : { kind: "expired" };
  }

  async #verifySignature(token: string): Promise<Claims | undefined> {
    const { publicKey } = await this.#key();
    try {
      const { payload } = await compactVerify(token, publicKey, { algorithms: ["RS256"] });
      return JSON.parse(new TextDecoder().decode(payload)) as Claims;
    } catch {
      return undefined;
    }
  }

  #remember(token: string, claims: Claims): void {
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(token, claims);
  }
}
