import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** A key and a certificate of its own for it, as PEM files in `folder`. Needs `openssl`. */
export function makeSelfSigned(
  folder: string,
  commonName: string,
): { readonly keyFile: string; readonly certificateFile: string } {
  const [keyFile, certificateFile] = [join(folder, "key.pem"), join(folder, "certificate.pem")] as const;
  const subject = ["-subj", `/CN=${commonName}`, "-days", "2"];
  const files = ["-keyout", keyFile, "-out", certificateFile];
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", ...subject, ...files], { stdio: "ignore" });
  return { keyFile, certificateFile };
}
