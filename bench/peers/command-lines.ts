import { join } from "node:path";
import type { LocalBlob, LocalBlobs } from "../contenders/work.ts";

/** What a command line can be made of. */
export interface Place {
  /** `localhost:5000/team/app` */
  readonly repository: string;
  /** The image in the repository, by its tag. */
  readonly image: string;
  readonly source: LocalBlobs;
}

export interface Line {
  readonly arguments: readonly string[];
  readonly stdin?: string;
  readonly stdout?: string;
}

/** How a tool moves one blob as it is, where it has a command for that, and a whole image. */
export interface CommandLines {
  pushBlob?(place: Place, blob: LocalBlob): Line;
  pullBlob?(place: Place, blob: LocalBlob, into: string): Line;
  pushImage(place: Place): Line;
  pullImage(place: Place, into: string): Line;
}

/** Said because oras takes `localhost` for a registry without TLS. */
const ORAS = ["--plain-http=false", "--no-tty"];

/** Without a policy file in /etc; and without compressing what is not compressed, so that everyone sends the same bytes. */
const SKOPEO = ["--insecure-policy", "copy", "--preserve-digests", "--quiet"];

export const COMMAND_LINES: Readonly<Record<string, CommandLines>> = {
  crane: {
    pullBlob: ({ repository }, { name, digest }, into) => ({
      arguments: ["blob", `${repository}@${digest}`],
      stdout: join(into, name),
    }),
    pushImage: ({ source, image }) => ({ arguments: ["push", source.layout, image] }),
    pullImage: ({ image }, into) => ({ arguments: ["pull", "--format", "oci", image, into] }),
  },
  oras: {
    pushBlob: ({ repository, source }, { name }) => ({
      arguments: ["blob", "push", ...ORAS, repository, join(source.folder, name)],
    }),
    pullBlob: ({ repository }, { name, digest }, into) => ({
      arguments: ["blob", "fetch", ...ORAS, "--output", join(into, name), `${repository}@${digest}`],
    }),
    pushImage: ({ source, image }) => ({
      arguments: ["push", ...ORAS, image, ...source.blobs.map(({ name }) => name)],
    }),
    pullImage: ({ image }, into) => ({ arguments: ["pull", ...ORAS, image, "--output", into] }),
  },
  regctl: {
    pushBlob: ({ repository, source }, { name, digest }) => ({
      arguments: ["blob", "put", "--digest", digest, repository],
      stdin: join(source.folder, name),
    }),
    pullBlob: ({ repository }, { name, digest }, into) => ({
      arguments: ["blob", "get", repository, digest],
      stdout: join(into, name),
    }),
    pushImage: ({ source, image }) => ({
      arguments: ["image", "copy", `ocidir://${source.layout}:${source.tag}`, image],
    }),
    pullImage: ({ image, source }, into) => ({ arguments: ["image", "copy", image, `ocidir://${into}:${source.tag}`] }),
  },
  skopeo: {
    pushImage: ({ source, image }) => ({
      arguments: [...SKOPEO, `oci:${source.layout}:${source.tag}`, `docker://${image}`],
    }),
    pullImage: ({ image }, into) => ({ arguments: [...SKOPEO, `docker://${image}`, `dir:${into}`] }),
  },
};
