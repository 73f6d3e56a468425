import { goCommand } from "../install/go.ts";
import type { Tool } from "./client.ts";

export const crane: Tool = {
  kind: "tool",
  name: "crane",
  // Blobs are redirected to the other name of the two, and crane follows no redirect to an address out of private ranges.
  host: "127.0.0.1",
  installer: goCommand("crane", "github.com/google/go-containerregistry/cmd/crane", "v0.22.1"),
  verbs: {
    login: ({ registry, username }) => ["auth", "login", registry, "--username", username, "--password-stdin"],
    push: ({ layout, image }) => ["push", layout, image],
    pull: ({ image, into }) => ["pull", "--format", "oci", image, into],
    copy: ({ from, to }) => ["copy", from, to],
    "copy multi-platform": ({ from, to }) => ["copy", from, to],
    tag: ({ image, tag }) => ["tag", image, tag],
    "resolve digest": ({ image }) => ["digest", image],
    "list tags": ({ repository }) => ["ls", repository],
    "list repositories": ({ registry }) => ["catalog", registry],
    "delete manifest": ({ repository, digest }) => ["delete", `${repository}@${digest}`],
    "delete tag": { absent: "`crane delete` of a tag uses OCI's tag deletion, which ACR answers with 405" },
    attach: { absent: "no such command" },
    discover: { absent: "no such command" },
  },
};
