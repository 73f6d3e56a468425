import { createHash } from "node:crypto";
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, importJWK, type JWK } from "jose";

/** The key that signs every token of one registry. */
export interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

/** Keeps the key's text between runs, so that tokens outlive a restart as they do in the service. */
export type KeepText = (create: () => Promise<string>) => Promise<string>;

const ALGORITHM = "RS256";

/** The key as a function that makes it at the first call: a registry that no one asks for a token starts without. */
export function lazySigningKey(keep: KeepText): () => Promise<SigningKey> {
  let key: Promise<SigningKey> | undefined;
  return () => {
    key ??= loadKey(keep).catch((error) => {
      // The next caller tries again.
      key = undefined;
      throw error;
    });
    return key;
  };
}

async function loadKey(keep: KeepText): Promise<SigningKey> {
  const text = await keep(async () => {
    const { privateKey } = await generateKeyPair(ALGORITHM, { modulusLength: 2048, extractable: true });
    return JSON.stringify(await exportJWK(privateKey));
  });
  const jwk: JWK = JSON.parse(text);
  const { kty, n, e } = jwk;
  const [privateKey, publicKey] = await Promise.all([
    importJWK({ ...jwk }, ALGORITHM),
    importJWK({ kty, n, e } as JWK, ALGORITHM, { extractable: true }),
  ]);
  if (privateKey instanceof Uint8Array || publicKey instanceof Uint8Array) throw new TypeError("not an RSA key");
  return { kid: await keyId(publicKey), privateKey, publicKey };
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** libtrust's key id, as distribution's token authentication has it: 240 bits in base32, in twelve groups of four (2.6). */
async function keyId(publicKey: CryptoKey): Promise<string> {
  const pem = await exportSPKI(publicKey);
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ""), "base64");
  const bits = [...createHash("sha256").update(der).digest().subarray(0, 30)]
    .map((byte) => byte.toString(2).padStart(8, "0"))
    .join("");
  const digits = (bits.match(/.{5}/g) ?? []).map((five) => BASE32[Number.parseInt(five, 2)]).join("");
  return (digits.match(/.{4}/g) ?? []).join(":");
}
