import { createHash, createPublicKey, generateKeyPairSync, randomBytes, sign, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import * as der from "./der.ts";

/** A certificate and its key, as PEM. */
export interface KeyedCertificate {
  readonly certificate: string;
  readonly privateKey: string;
}

/** What a server shows, and what its clients trust. */
export interface Certificate extends KeyedCertificate {
  /** PEM of the authority that signed it. Stays the same when the certificate is renewed. */
  readonly authority: string;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** A data folder that is kept must not stop working. */
const AUTHORITY_DAYS = 3650;

/** Apple's systems take no server certificate that lives longer than 825 days, whoever signed it (HT210176). */
const SERVER_DAYS = 800;

/** Clocks in containers lag behind. */
const BACKDATED_DAYS = 1;

/**
 * Makes an authority of its own. A server's certificate that signs itself would do for most clients, but not for those
 * that take no authority for a server (rustls), and would have to be trusted anew whenever it is renewed.
 */
export function createAuthority(now: number): KeyedCertificate {
  const keys = createKeys();
  // Several can stand in one trust store; verifiers look them up by name.
  const name = commonName(`acrkit emulator ${randomBytes(4).toString("hex")}`);
  const certificate = signed(keys.privateKey, {
    subject: name,
    issuer: name,
    keyInfo: keys.keyInfo,
    days: AUTHORITY_DAYS,
    now,
    extensions: [
      // May sign servers, but no other authority.
      critical("2.5.29.19", der.sequence(der.boolean(true), der.integer(0))),
      critical("2.5.29.15", keyUsage(KEY_CERT_SIGN | CRL_SIGN)),
      extension("2.5.29.14", der.octets(keyIdentifier(keys.keyInfo))),
    ],
  });
  return { certificate, privateKey: keys.privateKey };
}

/** Makes a certificate for a server that is reached under any of `names`: host names, `*.localhost`, addresses. */
export function createServerCertificate(
  authority: KeyedCertificate,
  names: readonly string[],
  now: number,
): KeyedCertificate {
  const keys = createKeys();
  const authorityKey = createPublicKey(authority.certificate).export({ type: "spki", format: "der" });
  const certificate = signed(authority.privateKey, {
    subject: commonName("acrkit emulator"),
    issuer: commonName(new X509Certificate(authority.certificate).subject.replace(/^CN=/, "")),
    keyInfo: keys.keyInfo,
    days: SERVER_DAYS,
    now,
    extensions: [
      critical("2.5.29.19", der.sequence()),
      critical("2.5.29.15", keyUsage(DIGITAL_SIGNATURE)),
      // serverAuth
      extension("2.5.29.37", der.sequence(der.oid("1.3.6.1.5.5.7.3.1"))),
      extension("2.5.29.17", der.sequence(...names.map(alternativeName))),
      extension("2.5.29.14", der.octets(keyIdentifier(keys.keyInfo))),
      extension("2.5.29.35", der.sequence(der.implicit(0, keyIdentifier(authorityKey)))),
    ],
  });
  return { certificate, privateKey: keys.privateKey };
}

/** An elliptic key takes a millisecond where an RSA key takes a tenth of a second. */
function createKeys(): { readonly privateKey: string; readonly keyInfo: Uint8Array } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "der" },
  });
  return { privateKey, keyInfo: publicKey };
}

interface Contents {
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  /** SubjectPublicKeyInfo, as `node:crypto` exports it. */
  readonly keyInfo: Uint8Array;
  readonly days: number;
  readonly now: number;
  readonly extensions: readonly Uint8Array[];
}

/** RFC 5280, 4.1 */
function signed(privateKey: string, { subject, issuer, keyInfo, days, now, extensions }: Contents): string {
  const ecdsaWithSha256 = der.sequence(der.oid("1.2.840.10045.4.3.2"));
  const toBeSigned = der.sequence(
    der.explicit(0, der.integer(VERSION_3)),
    // Positive, and of a length that does not depend on chance.
    der.integer(1, ...randomBytes(15)),
    ecdsaWithSha256,
    issuer,
    der.sequence(der.time(now - BACKDATED_DAYS * DAY_MS), der.time(now + (days - BACKDATED_DAYS) * DAY_MS)),
    subject,
    keyInfo,
    der.explicit(3, der.sequence(...extensions)),
  );
  const signature = sign("sha256", toBeSigned, privateKey);
  const certificate = der.sequence(toBeSigned, ecdsaWithSha256, der.bits(signature));
  const base64 = Buffer.from(certificate).toString("base64");
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}(?=.)/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
}

const VERSION_3 = 2;

const commonName = (name: string) => der.sequence(der.set(der.sequence(der.oid("2.5.4.3"), der.text(name))));

const extension = (id: string, value: Uint8Array) => der.sequence(der.oid(id), der.octets(value));
const critical = (id: string, value: Uint8Array) => der.sequence(der.oid(id), der.boolean(true), der.octets(value));

/** Bits are counted from the left (RFC 5280, 4.2.1.3). */
const DIGITAL_SIGNATURE = 0b1000_0000;
const KEY_CERT_SIGN = 0b0000_0100;
const CRL_SIGN = 0b0000_0010;

function keyUsage(usage: number): Uint8Array {
  // Zeros at the end are left out.
  return der.bits(Buffer.from([usage]), Math.clz32(usage & -usage) ^ 31);
}

/** The hash of the key itself, the last 65 bytes of a P-256 key's SubjectPublicKeyInfo (RFC 5280, 4.2.1.2). */
function keyIdentifier(keyInfo: Uint8Array): Uint8Array {
  return createHash("sha1").update(keyInfo.subarray(-65)).digest();
}

/** RFC 5280, 4.2.1.6: `dNSName` is [2], `iPAddress` is [7]. */
function alternativeName(name: string): Uint8Array {
  const version = isIP(name);
  if (version === 0) return der.implicit(2, Buffer.from(name));
  return der.implicit(7, version === 4 ? Buffer.from(name.split(".").map(Number)) : ipv6Bytes(name));
}

function ipv6Bytes(address: string): Uint8Array {
  // URL writes any form of an address as groups of hexadecimal digits.
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const groups = (part: string) => part.split(":").filter((group) => group !== "");
  const [first, last] = [groups(head), groups(tail ?? "")];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => "0");
  const all = [...first, ...zeros, ...last];
  return Buffer.from(all.map((group) => group.padStart(4, "0")).join(""), "hex");
}
