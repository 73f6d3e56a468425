import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Emulator } from "../emulator.ts";
import type { Settings } from "./settings.ts";

/** What somebody who has just started the emulator needs to know: one name and value a line, then what to do with them. */
export async function introduce(emulator: Emulator, settings: Settings): Promise<readonly string[]> {
  const facts = await factsOf(emulator, settings);
  const certificate = facts.find(([name]) => name === "certificate")?.[1];
  const lines = facts.map(([name, value]) => `${name.padEnd(13)}${value}`);
  // Without TLS, @azure/identity takes nobody for Entra ID.
  if (certificate === undefined) return lines;
  const { environment } = emulator.entra.application;
  return [
    ...lines,
    "",
    "for DefaultAzureCredential({ disableInstanceDiscovery: true }):",
    ...Object.entries(environment).map(([name, value]) => `  export ${name}=${value}`),
    "",
    "to trust the certificate:",
    ...trust(certificate, emulator.loginServer),
  ];
}

/** The same for programs. */
export async function introduceAsJson(emulator: Emulator, settings: Settings): Promise<string> {
  const { endpoint, loginServer, admin, dataFolder, entra, access } = emulator;
  return JSON.stringify({
    event: "started",
    endpoint,
    loginServer,
    registries: Object.fromEntries(registriesOf(emulator, settings)),
    certificate: await writeCertificate(emulator),
    admin,
    tokens: [...access.tokens.values()],
    environment: entra.application.environment,
    dataFolder,
  });
}

type Fact = readonly [name: string, value: string];

async function factsOf(emulator: Emulator, settings: Settings): Promise<readonly Fact[]> {
  const { endpoint, admin, dataFolder, entra, access } = emulator;
  const certificate = await writeCertificate(emulator);
  // A password that somebody gave need not be shown to whoever looks at the screen.
  const isGenerated = settings.emulator.adminUser === undefined;
  return [
    ["endpoint", endpoint],
    ...registriesOf(emulator, settings).map(([name, address]): Fact => ["registry", `${name}  ${address}`]),
    ["entra", entra.authorityHost],
    ...(certificate === undefined ? [] : [["certificate", certificate] as const]),
    ...(admin === undefined
      ? []
      : ([
          ["user", admin.username],
          ["password", isGenerated ? admin.password : "(the one you gave)"],
        ] as const)),
    ...[...access.tokens.values()].map(({ username, password }): Fact => ["token", `${username}  ${password}`]),
    ["data", resolve(dataFolder)],
  ];
}

function registriesOf(emulator: Emulator, { emulator: { registries = {} } }: Settings): readonly Fact[] {
  return Object.keys(registries).map((name) => [name, emulator.registry(name).endpoint]);
}

/** In a folder of its own and under this name, skopeo and podman take it as it is (`--cert-dir`). */
async function writeCertificate({ certificate, dataFolder }: Emulator): Promise<string | undefined> {
  if (certificate === "") return undefined;
  const folder = resolve(dataFolder, "certificate");
  await mkdir(folder, { recursive: true });
  const file = join(folder, "ca.crt");
  await writeFile(file, certificate);
  return file;
}

function trust(path: string, loginServer: string): readonly string[] {
  const file = word(path);
  return [
    ["Node.js", `export NODE_EXTRA_CA_CERTS=${file}`],
    ["crane, oras, regctl", `export SSL_CERT_FILE=${file}`],
    ["Azure CLI, Python", `export REQUESTS_CA_BUNDLE=${file}`],
    ["curl", `curl --cacert ${file} …`],
    ["skopeo, podman", `--cert-dir ${word(dirname(path))}  (skopeo copy: --src-cert-dir, --dest-cert-dir)`],
    ["docker", `nothing for localhost; else copy it to /etc/docker/certs.d/${loginServer}/ca.crt`],
    ["Debian, Ubuntu", `sudo cp ${file} /usr/local/share/ca-certificates/acrkit.crt && sudo update-ca-certificates`],
  ].map(([client = "", how]) => `  ${client.padEnd(21)}${how}`);
}

/** For a shell: quoted where it has to be. */
function word(text: string): string {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
