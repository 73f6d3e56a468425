import { goCommand } from "../install/go.ts";
import type { Tool } from "./client.ts";

export const regctl: Tool = {
  kind: "tool",
  name: "regctl",
  installer: goCommand("regctl", "github.com/regclient/regclient/cmd/regctl", "v0.11.7"),
  verbs: {
    login: ({ registry, username }) => ["registry", "login", registry, "--user", username, "--pass-stdin"],
    push: ({ layout, layoutTag, image }) => ["image", "copy", `ocidir://${layout}:${layoutTag}`, image],
    pull: ({ image, into }) => ["image", "copy", image, `ocidir://${into}:pulled`],
    copy: ({ from, to }) => ["image", "copy", from, to],
    "copy multi-platform": ({ from, to }) => ["image", "copy", from, to],
    tag: ({ image, tagged }) => ["image", "copy", image, tagged],
    "resolve digest": ({ image }) => ["image", "digest", image],
    "list tags": ({ repository }) => ["tag", "ls", repository],
    "list repositories": ({ registry }) => ["repo", "ls", registry],
    "delete manifest": ({ repository, digest }) => ["manifest", "delete", `${repository}@${digest}`],
    "delete tag": ({ image }) => ["tag", "delete", image],
    attach: ({ image, artifactType, file }) => [
      ...["artifact", "put", "--artifact-type", artifactType],
      ...["--file", file, "--subject", image],
    ],
    discover: ({ image }) => ["artifact", "list", "--format", "body", image],
  },
};
