import type { Runtime } from "./port.ts";
import { UnsupportedError } from "./unsupported.ts";

/** Browsers: no files, and fetch cannot stream a request's body over HTTP/1.1. */
export const runtime: Runtime = {
  streamBody: undefined,
  openFile: async (path) => {
    throw new UnsupportedError(`reading the file ${path} is not possible in this runtime; pass a Blob or File instead`);
  },
  openJournal: async (folder) => {
    throw new UnsupportedError(`keeping a journal in ${folder} is not possible in this runtime`);
  },
  openSecretFolder: async () => {
    throw new UnsupportedError("keeping tokens in a folder is not possible in this runtime");
  },
  openPartFile: async ({ path }) => {
    throw new UnsupportedError(`writing the file ${path} is not possible in this runtime; read stream() instead`);
  },
};
