import { UnsupportedError } from "../runtime/unsupported.ts";
import type { DockerRuntime } from "./port.ts";

function unsupported(): never {
  throw new UnsupportedError("docker's credentials cannot be read in this runtime: it has neither files nor programs");
}

/** Browsers. */
export const dockerRuntime: DockerRuntime = {
  environment: unsupported,
  dockerConfigFile: unsupported,
  credentialFiles: unsupported,
  readFile: unsupported,
  updateFile: unsupported,
  runHelper: unsupported,
};
