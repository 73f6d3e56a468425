import { debianPackage } from "../install/debian.ts";
import type { Tool } from "./client.ts";

/** Signatures are not verified here; without this, skopeo wants a policy file in /etc. */
const UNSIGNED = "--insecure-policy";

export const skopeo: Tool = {
  kind: "tool",
  name: "skopeo",
  installer: debianPackage("skopeo"),
  verbs: {
    login: ({ registry, username }) => ["login", registry, "--username", username, "--password-stdin"],
    push: ({ layout, layoutTag, image }) => [UNSIGNED, "copy", `oci:${layout}:${layoutTag}`, `docker://${image}`],
    pull: ({ image, into }) => [UNSIGNED, "copy", `docker://${image}`, `oci:${into}:pulled`],
    copy: ({ from, to }) => [UNSIGNED, "copy", `docker://${from}`, `docker://${to}`],
    "copy multi-platform": ({ from, to }) => [UNSIGNED, "copy", "--all", `docker://${from}`, `docker://${to}`],
    tag: ({ image, tagged }) => [UNSIGNED, "copy", `docker://${image}`, `docker://${tagged}`],
    "resolve digest": ({ image }) => ["inspect", "--format", "{{.Digest}}", `docker://${image}`],
    "list tags": ({ repository }) => ["list-tags", `docker://${repository}`],
    "list repositories": { absent: "no such command" },
    "delete manifest": ({ repository, digest }) => ["delete", `docker://${repository}@${digest}`],
    "delete tag": { absent: "`skopeo delete` of a tag deletes the manifest behind it" },
    attach: { absent: "no such command" },
    discover: { absent: "no such command" },
  },
};
