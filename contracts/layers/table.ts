/** Which of our files may import which: the map of the repository. A test holds the imports against it. */
export interface PackageRules {
  /** Where its sources are, relative to the repository. */
  readonly folder: string;
  /** The packages of ours that it may import, through their public entries. */
  readonly mayImport: readonly string[];
  /**
   * Folders and files of `src`, each with the ones it may import; `"*"` is all that stand below it in the list, and nobody
   * may import what stands above. Without layers, files of the package may import one another freely.
   */
  readonly layers?: Readonly<Record<string, readonly string[] | "*">>;
  /** The files that may import `node:` modules; all others must run in a browser as well. */
  readonly nodeOnly: RegExp;
}

const EVERYWHERE = /(?:)/;

export const PACKAGES: Readonly<Record<string, PackageRules>> = {
  "@acrkit/oci": {
    folder: "packages/oci",
    mayImport: [],
    nodeOnly: /^src\/sha2\/node\.ts$/,
    layers: {
      index: "*",
      operation: ["auth", "digest", "reference"],
      layout: ["descriptor", "digest", "errors", "media-type", "members", "reference"],
      manifest: ["descriptor", "errors", "limits", "media-type", "members", "platform"],
      descriptor: ["digest", "errors", "members", "platform"],
      reference: ["digest", "errors"],
      digest: ["bytes", "errors", "sha2"],
      auth: ["errors", "limits"],
      bytes: ["errors"],
      members: ["errors"],
      http: ["limits"],
      sha2: [],
      platform: [],
      limits: [],
      errors: [],
      "media-type": [],
      "error-code": [],
    },
  },
  "@acrkit/client": {
    folder: "packages/client",
    mayImport: ["@acrkit/oci"],
    // `node.ts`, `node-files.ts`, and whatever stands in a folder named `node`.
    nodeOnly: /(?:^|\/)node(?:\/|[^/]*\.ts$)/,
    layers: {
      index: "*",
      "container-registry-client": "*",
      docker: [
        "compose",
        "auth",
        "errors",
        "pipeline",
        "runtime",
        "client-options",
        "endpoint",
        "audience",
        "logger",
        "version",
      ],
      compose: ["transfer", "registry", "auth", "pipeline", "runtime", "client-options", "endpoint", "audience"],
      "client-options": [],
      acr: ["registry"],
      transfer: ["registry", "errors", "pipeline", "runtime", "logger"],
      registry: ["errors", "pipeline", "tracing"],
      auth: ["errors", "pipeline", "runtime", "logger"],
      errors: ["pipeline"],
      pipeline: ["logger", "version"],
      runtime: [],
      tracing: ["version"],
      endpoint: [],
      audience: [],
      logger: [],
      version: [],
    },
  },
  "@acrkit/emulator": {
    folder: "packages/emulator",
    mayImport: ["@acrkit/oci"],
    nodeOnly: EVERYWHERE,
    layers: {
      main: ["command"],
      index: "*",
      command: ["terminal", "emulator"],
      terminal: ["emulator", "options", "request-log"],
      emulator: "*",
      servers: ["admission", "faults", "server", "request-log", "protocol"],
      admission: ["faults", "protocol"],
      health: ["protocol", "storage"],
      hosting: ["registry", "hosts", "protocol"],
      layout: ["protocol", "storage"],
      registry: ["resettable-access", "identity", "hosts", "protocol", "auth", "storage", "options", "clock"],
      "resettable-access": ["auth", "options"],
      identity: ["auth", "storage"],
      hosts: ["protocol"],
      server: ["protocol"],
      entra: ["protocol", "auth"],
      faults: ["protocol"],
      "request-log": ["protocol"],
      protocol: ["auth", "storage", "clock"],
      options: ["auth"],
      "temporary-folder": [],
      "authority-file": [],
      auth: [],
      storage: [],
      clock: [],
    },
  },
  "@acrkit/contracts": {
    folder: "contracts",
    mayImport: ["@acrkit/oci", "@acrkit/client", "@acrkit/emulator"],
    nodeOnly: EVERYWHERE,
  },
  "@acrkit/samples": {
    folder: "samples",
    mayImport: ["@acrkit/oci", "@acrkit/client", "@acrkit/emulator"],
    nodeOnly: EVERYWHERE,
  },
  "@acrkit/bench": {
    folder: "bench",
    // Other people's clients are installed by interop, for both.
    mayImport: ["@acrkit/oci", "@acrkit/client", "@acrkit/emulator", "@acrkit/interop"],
    nodeOnly: EVERYWHERE,
  },
  "@acrkit/interop": {
    folder: "interop",
    mayImport: ["@acrkit/oci", "@acrkit/client", "@acrkit/emulator"],
    nodeOnly: EVERYWHERE,
  },
};
