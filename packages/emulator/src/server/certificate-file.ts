import { X509Certificate } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { hostname, networkInterfaces } from "node:os";
import { dirname } from "node:path";
import { type Certificate, createAuthority, createServerCertificate, type KeyedCertificate } from "./certificate.ts";

/** What is kept: the authority that clients were told to trust, and the server's certificate with the names it is for. */
interface CertificateFile {
  readonly authority: KeyedCertificate;
  readonly server: KeyedCertificate;
  readonly names: readonly string[];
}

/** Whoever starts an emulator wants to use it for some time. */
const RENEWED_BEFORE_MS = 30 * 24 * 60 * 60 * 1000;

/**
 * The certificate kept in `file`, for a server that is reached under `names`. The server's is made anew when it is about to
 * run out, or when it is not for one of the names; its authority, which clients trust, only when that runs out.
 */
export async function loadCertificate(file: string, names: readonly string[]): Promise<Certificate> {
  const now = Date.now();
  const kept = await read(file);
  const authority = kept !== undefined && lasts(kept.authority, now) ? kept.authority : createAuthority(now);
  const isGood =
    kept !== undefined &&
    kept.authority === authority &&
    lasts(kept.server, now) &&
    names.every((name) => kept.names.includes(name));
  if (isGood) return toCertificate(kept);
  // Names that were asked for once are kept: two ways to start the same emulator would take turns otherwise.
  const all = [...new Set([...names, ...(kept?.names ?? [])])];
  const renewed = { authority, server: createServerCertificate(authority, all, now), names: all };
  await write(file, renewed);
  return toCertificate(renewed);
}

/** The names under which clients reach a server that listens on `host`, and those in `others`. */
export function namesToCertify(host: string, others: readonly string[]): readonly string[] {
  const isEverywhere = host === "0.0.0.0" || host === "::";
  const addresses = isEverywhere
    ? Object.values(networkInterfaces()).flatMap((list = []) => list.map(({ address }) => address))
    : [];
  const own = isEverywhere ? [hostname()] : [host];
  return [...new Set([...LOOPBACK, ...own, ...addresses, ...others])].filter((name) => CERTIFIABLE.test(name));
}

/** Registries beside the first one are subdomains, but some clients take no such wildcard: they are named besides. */
const LOOPBACK = ["localhost", "*.localhost", "127.0.0.1", "::1"];

/** Host names and addresses; one with a zone (`fe80::1%eth0`) means something to this machine only. */
const CERTIFIABLE = /^(?:[A-Za-z0-9*](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9a-fA-F:.]+)$/;

function toCertificate({ authority, server }: CertificateFile): Certificate {
  return { ...server, authority: authority.certificate };
}

function lasts({ certificate }: KeyedCertificate, now: number): boolean {
  return Date.parse(new X509Certificate(certificate).validTo) - now > RENEWED_BEFORE_MS;
}

async function read(file: string): Promise<CertificateFile | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as CertificateFile;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Readable by its owner alone, and renamed into place, so that a crash leaves either the whole text or none. */
async function write(file: string, contents: CertificateFile): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, JSON.stringify(contents), { mode: 0o600 });
  await rename(`${file}.new`, file);
}
