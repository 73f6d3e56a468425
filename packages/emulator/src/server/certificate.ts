import { generate } from "selfsigned";

/** A certificate and its key, as PEM. */
export interface Certificate {
  readonly certificate: string;
  readonly privateKey: string;
}

/** The names a client on this machine can use. Registries beside the first one are subdomains. */
const NAMES = { dns: ["localhost", "*.localhost"], ip: ["127.0.0.1", "::1"] };

/** Ten years: a data folder that is kept must not stop working. */
const LIFE_MS = 10 * 365 * 24 * 60 * 60 * 1000;

/**
 * Makes a self-signed certificate for this machine's own names, and `host` besides. An elliptic key takes
 * milliseconds where an RSA key takes a tenth of a second.
 */
export async function createCertificate(host: string): Promise<Certificate> {
  const isAddress = /^[\d.]+$|:/.test(host);
  const names = {
    dns: isAddress ? NAMES.dns : [...new Set([...NAMES.dns, host])],
    ip: isAddress ? [...new Set([...NAMES.ip, host])] : NAMES.ip,
  };
  const now = Date.now();
  const { cert, private: privateKey } = await generate([{ name: "commonName", value: "acrkit emulator" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    // Clocks in containers lag behind.
    notBeforeDate: new Date(now - 24 * 60 * 60 * 1000),
    notAfterDate: new Date(now + LIFE_MS),
    extensions: [
      // Its own authority, so that a client can trust exactly this certificate.
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", digitalSignature: true, keyCertSign: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      {
        name: "subjectAltName",
        altNames: [
          ...names.dns.map((value) => ({ type: 2 as const, value })),
          ...names.ip.map((ip) => ({ type: 7 as const, ip })),
        ],
      },
    ],
  });
  return { certificate: cert, privateKey };
}
