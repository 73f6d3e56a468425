import { goCommand } from "../install/go.ts";
import type { Tool } from "./client.ts";

/** Said because oras takes `localhost` for a registry without TLS. */
const TLS = "--plain-http=false";
const COPY_TLS = ["--from-plain-http=false", "--to-plain-http=false"];

export const oras: Tool = {
  kind: "tool",
  name: "oras",
  installer: goCommand("oras", "oras.land/oras/cmd/oras", "v1.3.6"),
  verbs: {
    login: ({ registry, username }) => ["login", TLS, registry, "--username", username, "--password-stdin"],
    push: ({ files, image }) => ["push", TLS, image, ...files],
    pull: ({ image, into }) => ["pull", TLS, image, "--output", into],
    copy: ({ from, to }) => ["cp", ...COPY_TLS, from, to],
    "copy multi-platform": ({ from, to }) => ["cp", ...COPY_TLS, from, to],
    tag: ({ image, tag }) => ["tag", TLS, image, tag],
    "resolve digest": ({ image }) => ["resolve", TLS, image],
    "list tags": ({ repository }) => ["repo", "tags", TLS, repository],
    "list repositories": ({ registry }) => ["repo", "ls", TLS, registry],
    "delete manifest": ({ repository, digest }) => ["manifest", "delete", TLS, "--force", `${repository}@${digest}`],
    "delete tag": { absent: "no such command" },
    attach: ({ image, artifactType, file }) => ["attach", TLS, "--artifact-type", artifactType, image, file],
    discover: ({ image }) => ["discover", TLS, "--format", "json", image],
  },
};
