import { COMMAND_LINES, type Line, type Place } from "./command-lines.ts";
import { logIn } from "./home.ts";
import type { Peer, Transfer } from "./peer.ts";

/** A tool that has been installed. */
export interface InstalledTool {
  readonly name: string;
  readonly version: string;
  readonly program: string;
  /** By which name it is told this machine. */
  readonly host: string;
}

/** A command-line tool. What is measured is the command, its start included. */
export function commandPeer({ name, version, program, host }: InstalledTool): Peer {
  return {
    name,
    version,
    async prepare(access, transfer, home) {
      const registry = `${host}:${new URL(access.endpoint).port}`;
      const environment = await logIn(home, registry, access);
      const { arguments: args, ...files } = lineFor(name, registry, transfer);
      return { command: [program, ...args], folder: transfer.source.folder, environment, ...files };
    },
  };
}

function lineFor(name: string, registry: string, transfer: Transfer): Line {
  const lines = COMMAND_LINES[name];
  if (lines === undefined) throw new Error(`nobody has written down how ${name} moves blobs: command-lines.ts`);
  const { source } = transfer;
  const repository = `${registry}/${transfer.repository}`;
  const place: Place = { repository, image: `${repository}:${source.tag}`, source };
  const [blob, ...others] = source.blobs;
  const only = others.length === 0 ? blob : undefined;
  if (transfer.kind === "upload") {
    return only !== undefined && lines.pushBlob !== undefined ? lines.pushBlob(place, only) : lines.pushImage(place);
  }
  return only !== undefined && lines.pullBlob !== undefined
    ? lines.pullBlob(place, only, transfer.into)
    : lines.pullImage(place, transfer.into);
}
