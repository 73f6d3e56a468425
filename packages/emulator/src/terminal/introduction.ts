import { dirname, resolve } from "node:path";
import type { Emulator } from "../emulator.ts";
import type { Settings } from "./settings.ts";

/** What somebody who has just started the emulator needs to know: one name and value a line, then what to do with them. */
export function introduce(emulator: Emulator, settings: Settings): readonly string[] {
  const certificate = emulator.certificateFile;
  const facts = factsOf(emulator, settings);
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
export function introduceAsJson(emulator: Emulator, settings: Settings): string {
  const { endpoint, loginServer, admin, dataFolder, entra, access } = emulator;
  return JSON.stringify({
    event: "started",
    endpoint,
    loginServer,
    registries: Object.fromEntries(registriesOf(emulator, settings)),
    certificate: emulator.certificateFile,
    admin: admin === undefined || isGenerated(settings) ? admin : { username: admin.username },
    tokens: [...access.tokens.values()],
    environment: entra.application.environment,
    dataFolder,
  });
}

type Fact = readonly [name: string, value: string];

function factsOf(emulator: Emulator, settings: Settings): readonly Fact[] {
  const { endpoint, admin, dataFolder, entra, access, certificateFile: certificate } = emulator;
  return [
    ["endpoint", endpoint],
    ...registriesOf(emulator, settings).map(([name, address]): Fact => ["registry", `${name}  ${address}`]),
    ["storage", emulator.storageEndpoint],
    ["entra", entra.authorityHost],
    ...(certificate === undefined ? [] : [["certificate", certificate] as const]),
    ...(admin === undefined
      ? []
      : ([
          ["user", admin.username],
          ["password", isGenerated(settings) ? admin.password : "(the one you gave)"],
        ] as const)),
    ...[...access.tokens.values()].map(({ username, password }): Fact => ["token", `${username}  ${password}`]),
    ["data", resolve(dataFolder)],
  ];
}

/** A password that somebody gave need not be shown to whoever looks at the screen, or into the log. */
function isGenerated({ emulator: { adminUser } }: Settings): boolean {
  return adminUser === undefined;
}

function registriesOf(emulator: Emulator, { emulator: { registries = {} } }: Settings): readonly Fact[] {
  return Object.keys(registries).map((name) => [name, emulator.registry(name).endpoint]);
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
