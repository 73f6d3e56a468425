import type { DockerRuntime } from "../port.ts";
import { credentialFiles, dockerConfigFile } from "./files.ts";
import { readFile } from "./read-file.ts";
import { runHelper } from "./run-helper.ts";
import { updateFile } from "./update-file.ts";

/** Node, Bun and Deno. */
export const dockerRuntime: DockerRuntime = {
  environment: () => process.env,
  dockerConfigFile,
  credentialFiles,
  readFile,
  updateFile,
  runHelper,
};
