import { createHmac, timingSafeEqual } from "node:crypto";
import { type Digest, digestAlgorithm, digestEncoded, isDigest } from "@acrkit/oci";

/** 5.5: a download link is good for 20 minutes. */
const LIFE_MS = 20 * 60 * 1000;

/** What signs the links of one registry. */
export interface UrlSigner {
  readonly secret: string;
  readonly registryId: string;
  readonly scheme: string;
  readonly now: number;
}

/**
 * Where a blob can be downloaded without a token (5.5):
 * `<origin>/<rid>-<suffix>//docker/registry/v2/blobs/sha256/<first 2 hex>/<hex>/data?se=…&sig=…&sp=r&…`.
 */
export function signBlobUrl(origin: string, digest: Digest, signer: UrlSigner): string {
  const path = blobPath(digest, signer.registryId);
  // Whole seconds, as shared access signatures have them.
  const expiry = new Date(Math.floor((signer.now + LIFE_MS) / 1000) * 1000).toISOString().replace(".000Z", "Z");
  const protocols = signer.scheme === "https" ? "https" : "https,http";
  const query = new URLSearchParams({
    se: expiry,
    sig: signature(path, expiry, signer.secret),
    sp: "r",
    spr: protocols,
    sr: "b",
    sv: "2016-05-31",
    regid: signer.registryId,
  });
  return `${origin}${path}?${query}`;
}

/** Whether a link is one of ours: `expired` once its time is over. */
export function checkBlobUrl(path: string, query: URLSearchParams, signer: UrlSigner): "valid" | "expired" | "forged" {
  const expiry = query.get("se") ?? "";
  const given = Buffer.from(query.get("sig") ?? "");
  const right = Buffer.from(signature(path, expiry, signer.secret));
  if (given.length !== right.length || !timingSafeEqual(given, right)) return "forged";
  return Date.parse(expiry) > signer.now ? "valid" : "expired";
}

/** The digest a storage path stands for, or undefined when it is none. */
export function digestOfPath(path: string): Digest | undefined {
  const found = /\/\/docker\/registry\/v2\/blobs\/([a-z0-9]+)\/[a-f0-9]{2}\/([a-f0-9]+)\/data$/.exec(path);
  const digest = `${found?.[1]}:${found?.[2]}`;
  return isDigest(digest) ? digest : undefined;
}

function blobPath(digest: Digest, registryId: string): string {
  const hex = digestEncoded(digest);
  const container = `${registryId}-${registryId.slice(0, 10)}`;
  return `/${container}//docker/registry/v2/blobs/${digestAlgorithm(digest)}/${hex.slice(0, 2)}/${hex}/data`;
}

function signature(path: string, expiry: string, secret: string): string {
  return createHmac("sha256", secret).update(`${path}\n${expiry}`).digest("base64");
}
