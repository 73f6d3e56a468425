import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAuthority, createServerCertificate } from "./certificate.ts";
import { loadCertificate, namesToCertify } from "./certificate-file.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const now = Date.now();

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "acrkit-certificate-test-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("the certificate", () => {
  const authority = createAuthority(now);
  const names = ["localhost", "*.localhost", "127.0.0.1", "::1", "fe80::1:2", "registry.test"];
  const server = createServerCertificate(authority, names, now);
  const [ca, leaf] = [new X509Certificate(authority.certificate), new X509Certificate(server.certificate)];

  it("is signed by its authority, which may sign servers only", () => {
    expect([ca.ca, ca.checkIssued(ca), ca.verify(ca.publicKey)]).toEqual([true, true, true]);
    expect([leaf.ca, leaf.checkIssued(ca), leaf.verify(ca.publicKey)]).toEqual([false, true, true]);
  });

  it("is for every name it was asked for, and no other", () => {
    // OpenSSL, and Node by it, takes no wildcard below a top-level name; Go does.
    for (const name of ["localhost", "registry.test"]) expect(leaf.checkHost(name)).toBeDefined();
    for (const address of ["127.0.0.1", "::1", "fe80::1:2"]) expect(leaf.checkIP(address)).toBeDefined();
    expect([leaf.checkHost("other.test"), leaf.checkIP("127.0.0.2")]).toEqual([undefined, undefined]);
  });

  it("has begun, and lives no longer than Apple's systems allow", () => {
    const [from, to] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)];
    expect(from).toBeLessThan(now);
    expect((to - from) / DAY_MS).toBeLessThanOrEqual(825);
    expect(Date.parse(ca.validTo)).toBeGreaterThan(now + 3000 * DAY_MS);
  });

  it("has times of four-digit years where two would not do (RFC 5280, 4.1.2.5)", () => {
    const late = new X509Certificate(createAuthority(Date.UTC(2049, 0, 1)).certificate);
    expect([late.validFromDate.getUTCFullYear(), late.validToDate.getUTCFullYear()]).toEqual([2048, 2058]);
  });

  it("stands up to OpenSSL's strict checks", async () => {
    const [caFile, leafFile] = [join(folder, "ca.pem"), join(folder, "leaf.pem")];
    await writeFile(caFile, authority.certificate);
    await writeFile(leafFile, server.certificate);
    const check = ["verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "localhost"];
    let out: string;
    try {
      out = execFileSync("openssl", [...check, "-CAfile", caFile, leafFile], { encoding: "utf8" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      return console.log("SKIPPED: OpenSSL's strict checks: openssl is not installed");
    }
    expect(out).toBe(`${leafFile}: OK\n`);
  });
});

describe("the certificate in a file", () => {
  it("stays as it is, and only its owner can read the key", async () => {
    const file = join(folder, "kept", "tls.json");
    const first = await loadCertificate(file, ["localhost"]);
    expect(await loadCertificate(file, ["localhost"])).toEqual(first);
    if (process.platform !== "win32") expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it("is renewed for a further name, without a new authority to trust", async () => {
    const file = join(folder, "named.json");
    const first = await loadCertificate(file, ["localhost", "a.test"]);
    const second = await loadCertificate(file, ["localhost", "b.test"]);
    expect([second.authority, second.certificate === first.certificate]).toEqual([first.authority, false]);
    const leaf = new X509Certificate(second.certificate);
    for (const name of ["localhost", "a.test", "b.test"]) expect(leaf.checkHost(name)).toBe(name);
    expect(await loadCertificate(file, ["localhost", "a.test"])).toEqual(second);
  });

  it.for([
    ["server", false],
    ["authority", true],
  ] as const)("is renewed when the %s's is about to run out", async ([which, isNewAuthority]) => {
    const file = join(folder, `${which}.json`);
    const first = await loadCertificate(file, ["localhost"]);
    const kept = JSON.parse(await readFile(file, "utf8"));
    const old = now - (which === "server" ? 790 : 3640) * DAY_MS;
    const replaced =
      which === "server" ? createServerCertificate(kept.authority, ["localhost"], old) : createAuthority(old);
    await writeFile(file, JSON.stringify({ ...kept, [which]: replaced }));
    const renewed = await loadCertificate(file, ["localhost"]);
    expect(renewed.authority !== first.authority).toBe(isNewAuthority);
    const leaf = new X509Certificate(renewed.certificate);
    expect(leaf.verify(new X509Certificate(renewed.authority).publicKey)).toBe(true);
    expect(Date.parse(leaf.validTo)).toBeGreaterThan(now + 700 * DAY_MS);
  });

  it("is for this machine's names, or the address it listens on", () => {
    const loopback = ["localhost", "*.localhost", "127.0.0.1", "::1"];
    expect(namesToCertify("127.0.0.1", ["team.localhost"])).toEqual([...loopback, "team.localhost"]);
    expect(namesToCertify("192.0.2.7", [])).toEqual([...loopback, "192.0.2.7"]);
    expect(namesToCertify("0.0.0.0", []).length).toBeGreaterThan(loopback.length);
    expect(namesToCertify("127.0.0.1", ["not a name", "x%eth0"])).toEqual(loopback);
  });
});
